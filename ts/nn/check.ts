// Checks of constructor arguments: what a layer was given, with the name of the layer and the value.
import { inspect } from 'node:util';
import { ValueError } from '../errors';

/** Throws ValueError unless `value` is an integer of at least `least`. */
export function checkInteger(op: string, name: string, value: unknown, least = 1): void {
  if (Number.isSafeInteger(value) && Number(value) >= least) return;
  const wanted = least === 1 ? 'a positive integer' : `an integer of ${least} or more`;
  throw new ValueError(op, `${name} must be ${wanted}, got ${inspect(value)}`);
}

/** Throws ValueError unless `value` is a finite number. */
export function checkFinite(op: string, name: string, value: unknown): void {
  if (Number.isFinite(value)) return;
  throw new ValueError(op, `${name} must be a finite number, got ${inspect(value)}`);
}

/** Throws ValueError unless `value` is in 0..1. */
export function checkProbability(op: string, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value <= 1) return;
  throw new ValueError(op, `${name} must be a probability in 0..1, got ${inspect(value)}`);
}

/** Height and width: a number stands for both. */
export type Pair = number | readonly [number, number];

/** Both numbers of a pair, each an integer of at least `least`. */
export function pair(op: string, name: string, value: Pair, least = 1): [number, number] {
  const both: readonly unknown[] = Array.isArray(value) ? value : [value, value];
  if (both.length !== 2) {
    throw new ValueError(op, `${name} must be a number or [height, width], got ${inspect(value)}`);
  }
  for (const item of both) checkInteger(op, name, item, least);
  return [Number(both[0]), Number(both[1])];
}
