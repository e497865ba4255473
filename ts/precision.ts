// What products keep of their operands: the setting under which ops are called.
import { inspect } from 'node:util';
import { ValueError } from './errors';
import { native } from './native';

/**
 * The least that matrix products keep of f32 operands; sums, everything else and all states stay f32. `'f32'`: all 24 bits.
 * `'high'`: 16 bits, as two bf16 terms. `'bf16'`: 8 bits, one bf16 term. A machine keeps more where that takes no longer:
 * without a tile unit (AMX) all three are the same.
 */
export type Precision = 'f32' | 'high' | 'bf16';

const precisions: readonly Precision[] = ['f32', 'high', 'bf16'];

/** The option `precision` of `op`. */
export function checkPrecision(op: string, value: Precision | undefined): Precision {
  if (value === undefined) return 'f32';
  if (!precisions.includes(value)) {
    throw new ValueError(op, `precision is ${inspect(value)}; use 'f32', 'high' or 'bf16'`);
  }
  return value;
}

/** Calls `body` with products of this precision; their gradients too, where these are taken inside. */
export function withPrecision<R>(precision: Precision, body: () => R): R {
  const before = native.setPrecision(precisions.indexOf(precision));
  try {
    return body();
  } finally {
    native.setPrecision(before);
  }
}
