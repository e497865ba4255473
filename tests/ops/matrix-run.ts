// Runs a drawn call through the library and through its reference, and compares.
import { isState, state } from '../../ts/state';
import type { State } from '../../ts/state';
import { isTensor, tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';
import { seed } from '../../ts/random';
import { scope } from '../../ts/scope';
import type { DType, OpSchema, TypedArray } from '../../ts/native';
import { callOp } from './matrix-catalog';
import { argument, isDrawn, isDrawnList, mapTensors } from './matrix-draw';
import type { Call, Drawn } from './matrix-draw';
import { bound, isDType, isFloat, promoted, rounded } from './matrix-dtype';
import { sampleSeed } from './sample';
import type { Nd, OpSamples } from './sample';

/** A result as the host sees it. */
export interface Result extends Nd {
  readonly dtype: DType;
}

/** Turns a drawn input into what the op is given. */
export type Place = (x: Drawn, at: string) => Tensor;

function hostValues(x: Nd, dtype: DType): TypedArray {
  switch (dtype) {
    case 'i64':
      return BigInt64Array.from(x.data, value => BigInt(value));
    case 'i32':
      return Int32Array.from(x.data);
    case 'u8':
    case 'bool':
      return Uint8Array.from(x.data);
    case 'f64':
      return Float64Array.from(x.data);
    default:
      return Float32Array.from(x.data);
  }
}

/** A fresh contiguous tensor. */
export function place(x: Drawn): Tensor {
  return tensor(hostValues(x, x.dtype), { dtype: x.dtype, shape: x.shape });
}

export function readBack(x: Tensor | State): Result {
  return { data: Float64Array.from(x.readSync(), Number), shape: x.shape, dtype: x.dtype };
}

const isResultList = (value: unknown): value is Tensor[] => Array.isArray(value) && value.every(isTensor);

/** The tensors a call returns. */
export function evaluate(call: Call, put: Place = place): Tensor[] {
  if (call.op.random) seed(sampleSeed);
  const result = callOp(
    call.op.name,
    mapTensors(call, (x, arg, at) => (arg.kind === 'states' ? state(put(x, at)) : put(x, at))),
  );
  if (isTensor(result)) return [result];
  if (isResultList(result)) return result;
  throw new Error(`${call.label}: returned ${String(result)}, not tensors`);
}

/** Submits a call; what it gives reads the results, or of an op that writes, what its states hold afterwards. */
export function submit(call: Call, put: Place = place): () => Result[] {
  if (!call.op.writes) {
    const list = evaluate(call, put);
    return () => list.map(readBack);
  }
  const args = mapTensors(call, (x, arg, at) => (arg.kind === 'states' ? state(put(x, at)) : put(x, at)));
  callOp(call.op.name, args);
  return () => args.flat().filter(isState).map(readBack);
}

/** What a call computes. */
export const results = (call: Call, put: Place = place): Result[] => scope(() => submit(call, put)());

export function reference(call: Call, samples: OpSamples): Nd[] {
  const args = mapTensors(call, x => ({ data: Float64Array.from(x.data), shape: x.shape }));
  const list = (samples.ref as (...args: unknown[]) => Nd | Nd[])(...args);
  return Array.isArray(list) ? list : [list];
}

const tensorsOf = (call: Call): Drawn[] =>
  call.args.flatMap(({ value }) => (isDrawn(value) ? [value] : isDrawnList(value) ? value : []));

/** The dtype of a result that the registry's rule and the inputs ask for; undefined where only the samples could know. */
export function expectedDType(call: Call, samples: OpSamples, which = 0): string | undefined {
  const inputs = tensorsOf(call).map(x => x.dtype);
  const own = inputs[0] === undefined ? undefined : samples.resultDType?.[inputs[0]];
  if (own !== undefined) return typeof own === 'string' ? own : own[which];
  const { result }: OpSchema = call.op;
  if (result === 'bool' || result === 'i32') return result;
  if (result === 'same') return inputs[0];
  if (result === 'promote')
    return inputs.reduce(
      (a: string | undefined, b) => (a !== undefined && isDType(a) ? promoted(a, b) : b),
      undefined,
    );
  const dtype = argument(call, 'dtype');
  return typeof dtype === 'string' ? dtype.replaceAll("'", '') : undefined;
}

const same = (a: number, b: number): boolean => a === b || (Number.isNaN(a) && Number.isNaN(b));

/** The first difference beyond the bound, in words; undefined where there is none. */
export function difference(
  got: Result,
  want: Nd,
  tolerance: Readonly<Record<string, number>> = {},
): string | undefined {
  if (got.shape.join() !== want.shape.join())
    return `shape [${got.shape.join(', ')}], not [${want.shape.join(', ')}]`;
  const limit = bound(got.dtype, tolerance);
  for (const [i, x] of got.data.entries()) {
    const exact = want.data[i] ?? NaN;
    const nearest =
      isFloat(got.dtype) || !Number.isFinite(exact)
        ? rounded(exact, got.dtype)
        : rounded(Math.trunc(exact), got.dtype);
    if (same(x, nearest)) continue;
    if (Math.abs(x - exact) <= limit * Math.max(1, Math.abs(exact))) continue;
    return `element ${i} of [${got.shape.join(', ')}] is ${x}, not ${exact}`;
  }
  return undefined;
}

/** The first element that differs at all, zeros of both signs and NaN being themselves. */
export function bitDifference(got: Nd, want: Nd): string | undefined {
  if (got.shape.join() !== want.shape.join())
    return `shape [${got.shape.join(', ')}], not [${want.shape.join(', ')}]`;
  for (const [i, x] of got.data.entries()) {
    if (!Object.is(x, want.data[i])) return `element ${i} is ${x}, not ${want.data[i]}`;
  }
  return undefined;
}

/** Throws with the first failures where there are any. */
export function expectNone(failures: readonly string[]): void {
  if (failures.length === 0) return;
  const shown = failures.slice(0, 8).join('\n');
  throw new Error(`${failures.length} failures, the first:\n${shown}`);
}

const message = (error: unknown): string => `threw ${error instanceof Error ? error.message : String(error)}`;

type Check = () => string | undefined;

const attempt = (check: Check): string | undefined => {
  try {
    return check();
  } catch (error) {
    return message(error);
  }
};

const submitted = <T>(item: T, prepare: (item: T) => Check): Check => {
  try {
    return prepare(item);
  } catch (error) {
    return () => message(error);
  }
};

// Items whose work is in the queue at once: waiting for each by itself costs more than the work.
const batch = 64;

/** Prepares a check of each item, runs the checks, and gathers what they return or throw, with the item's label. */
export function gather<T extends { readonly label: string }>(
  items: readonly T[],
  prepare: (item: T) => Check,
): string[] {
  const failures: string[] = [];
  for (let start = 0; start < items.length; start += batch) {
    scope(() => {
      const checks = items
        .slice(start, start + batch)
        .map(item => [item.label, submitted(item, prepare)] as const);
      for (const [label, check] of checks) {
        const failure = attempt(check);
        if (failure !== undefined) failures.push(`${label}: ${failure}`);
      }
    });
  }
  return failures;
}
