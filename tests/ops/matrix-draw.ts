// Draws the inputs of a case: seeded numbers that the dtype holds exactly.
import type { ArgSchema, DType, OpSchema } from '../../ts/native';
import { admitted, integers, isDType, isFloat, rounded } from './matrix-dtype';
import { isOption, positional } from './matrix-catalog';
import type { Case, Input, Nd, OpSamples } from './sample';
import { size } from './sample';

/** One tensor argument as numbers. */
export interface Drawn extends Nd {
  readonly dtype: DType;
  /** The samples left the dtype to the matrix. */
  readonly free: boolean;
}

/** A case with its tensors drawn: positional arguments beside what the registry says of them, and the options. */
export interface Call {
  readonly op: OpSchema;
  readonly args: readonly CallArg[];
  readonly options: Readonly<Record<string, unknown>> | undefined;
  readonly label: string;
}

export interface CallArg {
  readonly arg: ArgSchema;
  readonly value: Drawn | readonly Drawn[] | number | string | boolean | readonly number[] | undefined;
}

/** Uniform numbers in [0, 1) that depend on the seed alone. */
export function generator(seed: number): () => number {
  let state = (seed * 0x9e3779b1 + 0x7f4a7c15) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function gauss(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

const hash = (text: string): number =>
  [...text].reduce((code, letter) => (Math.imul(code, 31) + letter.charCodeAt(0)) >>> 0, 7);

export const isInput = (value: unknown): value is Input =>
  typeof value === 'object' && value !== null && 'kind' in value && 'shape' in value;

export const isDrawn = (value: unknown): value is Drawn =>
  typeof value === 'object' && value !== null && 'data' in value && 'free' in value;

export const isDrawnList = (value: unknown): value is readonly Drawn[] =>
  Array.isArray(value) && value.length > 0 && value.every(isDrawn);

/** One draw of a kind, as `dtype` holds it. */
function element(input: Input, dtype: DType, next: () => number): number {
  const whole = !isFloat(dtype);
  switch (input.kind) {
    case 'normal': {
      const x = gauss(next);
      if (!whole) return x;
      return dtype === 'bool'
        ? Number(x > 0)
        : dtype === 'u8'
          ? Math.round(Math.abs(3 * x))
          : Math.round(3 * x);
    }
    case 'uniform': {
      if (!whole) return input.low + (input.high - input.low) * next();
      const low = Math.ceil(input.low);
      return low + Math.floor(Math.max(Math.floor(input.high) - low, 1) * next());
    }
    case 'ints':
      return input.low + Math.floor((input.high - input.low) * next());
    case 'bools':
      return Math.floor(2 * next());
    case 'values':
      return NaN;
  }
}

// Drawing costs more than most ops: every list is drawn once.
const drawn = new Map<string, Float64Array>();

/** `length` numbers that depend on the key alone. */
export function numbers(key: string, length: number, make: (next: () => number) => number): Float64Array {
  const full = `${key} ${length}`;
  const known = drawn.get(full);
  if (known !== undefined) return known;
  const next = generator(hash(full));
  const fresh = Float64Array.from({ length }, () => make(next));
  drawn.set(full, fresh);
  return fresh;
}

/** The input in `dtype`; undefined where that dtype cannot hold its numbers. */
function draw(input: Input, dtype: DType, seed: string): Drawn | undefined {
  const { kind, low, high, shape } = input;
  const key = `${seed} ${kind} ${low} ${high} ${isFloat(dtype) ? 'float' : dtype}`;
  const raw = input.values ?? numbers(key, size(shape), next => element(input, dtype, next));
  const data = Float64Array.from(raw, x => rounded(x, dtype));
  const inexact = (x: number, i: number): boolean => !Object.is(data[i], x) && !(x === 0 && data[i] === 0);
  if (!isFloat(dtype) && raw.some((x, i) => !Number.isInteger(x) || inexact(x, i))) return undefined;
  return { data, shape: input.shape, dtype, free: input.dtype === undefined };
}

const isFractional = (value: unknown): boolean => typeof value === 'number' && !Number.isInteger(value);

/** The dtypes an op is run in where its samples leave the choice. */
export function dtypesOf(op: OpSchema, samples: OpSamples): readonly DType[] {
  const { dtypes } = samples;
  return admitted(op.dtypes).filter(dtype => dtypes === undefined || dtypes.includes(dtype));
}

export const hasFreeInput = (sample: Case): boolean =>
  sample.args.some(
    value =>
      (isInput(value) && value.dtype === undefined) ||
      (Array.isArray(value) && value.some(item => isInput(item) && item.dtype === undefined)),
  );

/** The case with its free inputs in `dtype`; undefined where an argument does not take that dtype. */
export function drawCase(op: OpSchema, sample: Case, dtype: DType, label: string): Call | undefined {
  if (sample.dtypes !== undefined && !sample.dtypes.includes(dtype)) return undefined;
  const list = positional(op);
  const args: CallArg[] = [];
  const one = (input: Input, arg: ArgSchema, seed: string): Drawn | undefined => {
    const own = input.dtype !== undefined && isDType(input.dtype) ? input.dtype : dtype;
    if (input.dtype === undefined && !admitted(arg.dtypes ?? op.dtypes).includes(own)) return undefined;
    return draw(input, own, seed);
  };
  for (const [i, value] of sample.args.entries()) {
    const arg = list[i];
    if (arg === undefined)
      throw new Error(`${label}: ${sample.args.length} arguments, the op has ${list.length}`);
    if (isInput(value)) {
      const drawn = one(value, arg, `${i}`);
      if (drawn === undefined) return undefined;
      args.push({ arg, value: drawn });
    } else if (Array.isArray(value) && value.some(isInput)) {
      const drawn = value.filter(isInput).map((item, k) => one(item, arg, `${i} ${k}`));
      const whole = drawn.filter(item => item !== undefined);
      if (whole.length < drawn.length) return undefined;
      args.push({ arg, value: whole });
    } else {
      if (arg.kind === 'value' && isFractional(value) && [...integers, 'bool'].includes(dtype))
        return undefined;
      args.push({ arg, value: value as CallArg['value'] });
    }
  }
  return { op, args, options: sample.options, label: `${label} ${dtype}` };
}

/** Every call of an op: each case in each dtype that it can be run in. */
export function calls(op: OpSchema, samples: OpSamples, cases: readonly Case[] = samples.cases): Call[] {
  return cases.flatMap((sample, i) => {
    const own = dtypesOf(op, samples);
    const dtypes = hasFreeInput(sample) ? own : own.slice(0, 1);
    return dtypes.flatMap(dtype => {
      const call = drawCase(op, sample, dtype, `${op.name} case ${i}`);
      return call === undefined ? [] : [call];
    });
  });
}

/** Positional values and options as one list, each tensor replaced by `f`. */
export function mapTensors(call: Call, f: (x: Drawn, arg: ArgSchema, at: string) => unknown): unknown[] {
  const mapped = call.args.map(({ arg, value }, i) => {
    if (isDrawn(value)) return f(value, arg, `${i}`);
    if (isDrawnList(value)) return value.map((item, k) => f(item, arg, `${i}.${k}`));
    return value;
  });
  if (call.options === undefined) return mapped;
  const missing = positional(call.op).length - mapped.length;
  return [...mapped, ...Array.from({ length: missing }, () => undefined), call.options];
}

/** What an argument of this call is: the given one, else the default of the registry. */
export function argument(call: Call, name: string): unknown {
  const given = call.args.find(({ arg }) => arg.name === name)?.value ?? call.options?.[name];
  const arg = call.op.args.find(item => item.name === name);
  return given ?? (arg !== undefined && isOption(arg) ? arg.fallback : undefined);
}
