// What dtypes are, told apart from the library: classes, promotion, rounding of float64 numbers, bounds for comparing.
import type { DType, DTypeClass } from '../../ts/native';

export const floats: readonly DType[] = ['f32', 'f64', 'f16', 'bf16'];
export const integers: readonly DType[] = ['i32', 'i64', 'u8'];
export const allDTypes: readonly DType[] = [...floats, ...integers, 'bool'];

const classes: Readonly<Record<DTypeClass, readonly DType[]>> = {
  floats,
  numbers: [...floats, ...integers],
  integers,
  bools: ['bool'],
  all: allDTypes,
};

export const isDType = (text: string): text is DType => allDTypes.some(dtype => dtype === text);
export const isFloat = (dtype: DType): boolean => floats.includes(dtype);
export const admitted = (group: DTypeClass): readonly DType[] => classes[group];

// Rows and columns in the order of `allDTypes`: float wins over integer, the wider of a kind wins.
const promotion: readonly string[] = [
  'f32 f64 f32 f32 f32 f32 f32 f32',
  'f64 f64 f64 f64 f64 f64 f64 f64',
  'f32 f64 f16 f32 f16 f16 f16 f16',
  'f32 f64 f32 bf16 bf16 bf16 bf16 bf16',
  'f32 f64 f16 bf16 i32 i64 i32 i32',
  'f32 f64 f16 bf16 i64 i64 i64 i64',
  'f32 f64 f16 bf16 i32 i64 u8 u8',
  'f32 f64 f16 bf16 i32 i64 u8 bool',
];

/** The documented promotion table. */
export function promoted(a: DType, b: DType): string {
  return promotion[allDTypes.indexOf(a)]?.split(' ')[allDTypes.indexOf(b)] ?? 'none';
}

// Round to nearest even at `bits` fraction bits, with subnormals below 2^least.
function roundFloat(x: number, bits: number, least: number, largest: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(x))), least);
  const unit = 2 ** (exponent - bits);
  const scaled = x / unit;
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  const rounded = (up ? floor + 1 : floor) * unit;
  return Math.abs(rounded) > largest ? Math.sign(x) * Infinity : rounded;
}

/** The number of `dtype` nearest to x; integers wrap. */
export function rounded(x: number, dtype: DType): number {
  switch (dtype) {
    case 'f64':
      return x;
    case 'f32':
      return Math.fround(x);
    case 'f16':
      return roundFloat(x, 10, -14, 65504);
    case 'bf16':
      return roundFloat(x, 7, -126, (2 - 2 ** -7) * 2 ** 127);
    case 'i32':
      return x | 0;
    case 'u8':
      return x & 255;
    case 'bool':
      return x === 0 ? 0 : 1;
    case 'i64':
      return x;
  }
}

const bounds: Readonly<Record<DType, number>> = {
  f32: 1e-5,
  f64: 1e-12,
  f16: 2e-3,
  bf16: 2e-2,
  i32: 0,
  i64: 0,
  u8: 0,
  bool: 0,
};

/** The relative and absolute bound for results of a dtype, unless the samples give another. */
export const bound = (dtype: DType, own: Readonly<Record<string, number>> = {}): number =>
  own[dtype] ?? bounds[dtype];
