// Between JavaScript memory and tensors: which typed array serves which dtype, and nested arrays as flat ones.
import { DTypeError, OutOfMemoryError, ShapeError, ValueError } from './errors';
import type { DType, TypedArray } from './native';

export type { DType, TypedArray } from './native';

/** Numbers or booleans, nested as deep as the tensor has axes. */
export type Nested = number | bigint | boolean | readonly Nested[];

/** The array that `read()` gives for a dtype: half floats widen to f32, bool is 0 or 1. */
export interface HostArrays {
  f32: Float32Array;
  f64: Float64Array;
  f16: Float32Array;
  bf16: Float32Array;
  i32: Int32Array;
  i64: BigInt64Array;
  u8: Uint8Array;
  bool: Uint8Array;
}

/** The dtype whose bytes JavaScript can hold: half floats travel as f32. */
export const hostDType = (dtype: DType): DType => (dtype === 'f16' || dtype === 'bf16' ? 'f32' : dtype);

const dtypeNames: readonly string[] = ['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'];

/** Refuses a word that names no dtype: it may come from a file or from JavaScript. */
export function checkDType(op: string, dtype: string): void {
  if (dtypeNames.includes(dtype)) return;
  const known = dtypeNames.map(name => `'${name}'`).join(', ');
  throw new ValueError(op, `dtype must be one of ${known}, got '${String(dtype)}'`);
}

/** A new array of the kind `read()` gives. Throws OutOfMemoryError where JavaScript has no array of that size. */
export function hostArray(dtype: DType, size: number): TypedArray {
  try {
    return newArray(dtype, size);
  } catch (cause) {
    throw new OutOfMemoryError(
      'read',
      `JavaScript has no array of ${size} ${dtype} elements; read it in parts`,
      { cause },
    );
  }
}

function newArray(dtype: DType, size: number): TypedArray {
  switch (dtype) {
    case 'f32':
    case 'f16':
    case 'bf16':
      return new Float32Array(size);
    case 'f64':
      return new Float64Array(size);
    case 'i32':
      return new Int32Array(size);
    case 'i64':
      return new BigInt64Array(size);
    case 'u8':
    case 'bool':
      return new Uint8Array(size);
  }
}

const arrayDTypes: Readonly<Record<string, DType>> = {
  Float32Array: 'f32',
  Float64Array: 'f64',
  Int32Array: 'i32',
  BigInt64Array: 'i64',
  Uint8Array: 'u8',
  Buffer: 'u8',
  Uint8ClampedArray: 'u8',
};

/** The dtype a typed array holds; throws DTypeError for the kinds no tensor has. */
export function typedArrayDType(array: ArrayBufferView): DType {
  const kind = Object.prototype.toString.call(array).slice(8, -1);
  const dtype = arrayDTypes[kind];
  if (dtype === undefined) {
    throw new DTypeError('tensor', `no dtype holds a ${kind}; use ${Object.keys(arrayDTypes).join(', ')}`);
  }
  return dtype;
}

export const isTypedArray = (value: unknown): value is TypedArray => ArrayBuffer.isView(value);

// As in the core; an array that holds itself is deeper still.
const maxRank = 8;

// Rows may be one array named many times, so that little memory stands for more numbers than an array can hold.
const maxNested = 2 ** 26;

/** The elements of a nested array in row-major order, with its shape; ragged arrays are refused. */
export function flatten(data: Nested): { values: (number | bigint | boolean)[]; shape: number[] } {
  const shape: number[] = [];
  for (let level: Nested = data; Array.isArray(level); level = (level as readonly Nested[])[0] ?? 0) {
    shape.push(level.length);
    if (shape.length > maxRank) {
      throw new ShapeError(
        'tensor',
        `arrays are nested more than ${maxRank} deep; use at most ${maxRank} axes`,
      );
    }
    if (level.length === 0) break;
  }
  if (shape.reduce((size, extent) => size * extent, 1) > maxNested) {
    throw new ShapeError(
      'tensor',
      `nested arrays [${shape.join(', ')}] hold more than 2^26 numbers; use a typed array`,
    );
  }
  const values: (number | bigint | boolean)[] = [];
  const visit = (level: Nested, depth: number): void => {
    if (typeof level !== 'object') {
      if (depth !== shape.length) throw ragged(shape, depth);
      values.push(level);
      return;
    }
    if (!Array.isArray(level) || level.length !== shape[depth]) throw ragged(shape, depth);
    for (const item of level as readonly Nested[]) visit(item, depth + 1);
  };
  visit(data, 0);
  return { values, shape };
}

const ragged = (shape: readonly number[], depth: number): ShapeError =>
  new ShapeError(
    'tensor',
    `nested arrays differ in length at depth ${depth}; expected [${shape.join(', ')}]`,
  );

/** f32 for numbers, bool for booleans, i64 for bigints. */
export function inferDType(values: readonly (number | bigint | boolean)[]): DType {
  const kinds = new Set(values.map(value => typeof value));
  if (kinds.size > 1)
    throw new DTypeError('tensor', `mixed ${[...kinds].join(' and ')} elements; give a dtype`);
  return kinds.has('boolean') ? 'bool' : kinds.has('bigint') ? 'i64' : 'f32';
}

const limits: Partial<Record<DType, readonly [number, number]>> = {
  i32: [-(2 ** 31), 2 ** 31 - 1],
  u8: [0, 255],
  i64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

// Nothing is rounded or wrapped in silence: an integer tensor takes whole numbers of its range only.
function checkWhole(value: number | bigint | boolean, index: number, dtype: DType): void {
  const limit = limits[dtype];
  if (limit === undefined || typeof value === 'boolean') return;
  const fits =
    typeof value === 'bigint' && dtype === 'i64'
      ? BigInt.asIntN(64, value) === value
      : (typeof value === 'bigint' || Number.isInteger(value)) && value >= limit[0] && value <= limit[1];
  if (!fits) {
    throw new ValueError(
      'tensor',
      `element ${index} is ${value}; ${dtype} holds integers ${limit[0]}..${limit[1]}`,
    );
  }
}

/** The elements as the array that carries `dtype` to the native side. */
export function fill(values: readonly (number | bigint | boolean)[], dtype: DType): TypedArray {
  const target = hostArray(dtype, values.length);
  values.forEach((value, index) => {
    if (typeof value !== 'number' && typeof value !== 'bigint' && typeof value !== 'boolean') {
      throw new ValueError('tensor', `element ${index} is ${typeof value}; use numbers, bigints or booleans`);
    }
    checkWhole(value, index, dtype);
    if (dtype === 'i64') target[index] = BigInt(value);
    else if (dtype === 'bool') target[index] = value ? 1 : 0;
    else target[index] = Number(value);
  });
  return target;
}
