// Samples of the random ops: the matrix seeds before each evaluation, so references are exact.
import { fraction24, fraction53, word } from './philox';
import { call, callWith, nd, normal, sampleSeed } from './sample';
import type { FamilySamples, Nd } from './sample';

interface DrawOptions {
  low?: number;
  high?: number;
  mean?: number;
  std?: number;
  dtype?: string;
}

const listed = (shape: number | readonly number[]): readonly number[] =>
  typeof shape === 'number' ? [shape] : shape;

// The uniform that element i is made from: double precision takes two words, half types the upper bits of one.
function fraction(dtype: string, i: number): number {
  if (dtype === 'f64') return fraction53(sampleSeed, i);
  const bits = dtype === 'f16' ? 11 : dtype === 'bf16' ? 8 : 24;
  return Math.floor(fraction24(sampleSeed, i) * 2 ** bits) / 2 ** bits;
}

function standardNormal(dtype: string, i: number): number {
  const even = i - (i % 2);
  const [u1, u2] =
    dtype === 'f64'
      ? [fraction53(sampleSeed, even) + 2 ** -53, fraction53(sampleSeed, even + 1)]
      : [(word(sampleSeed, even) >>> 1) / 2 ** 31 + 2 ** -32, fraction24(sampleSeed, even + 1)];
  const radius = Math.sqrt(-2 * Math.log(u1));
  return radius * (i % 2 === 0 ? Math.cos(2 * Math.PI * u2) : Math.sin(2 * Math.PI * u2));
}

const dtypes = ['f32', 'f64', 'f16', 'bf16'];

export const samples: FamilySamples = {
  uniform: {
    ref: (shape: readonly number[], { low = 0, high = 1, dtype = 'f32' }: DrawOptions = {}): Nd =>
      nd(listed(shape), (_, i) => low + (high - low) * fraction(dtype, i)),
    cases: [
      call([7]),
      call([]),
      call([0, 3]),
      callWith({ low: 2, high: 2 }, [3]),
      ...dtypes.map(dtype => callWith({ low: -2, high: 3, dtype }, [2, 1, 67])),
    ],
    errors: [
      [call([2, -1]), /^uniform: shape \[2, -1\] has a negative extent; use 0 or more$/],
      [callWith({ low: 2, high: 1 }, [2]), /^uniform: low 2 is above high 1; use low <= high$/],
      [callWith({ low: NaN }, [2]), /^uniform: low is NaN; use a finite number of dtype f32$/],
      [
        callWith({ high: 65536, dtype: 'f16' }, [2]),
        /^uniform: high is 65536; use a finite number of dtype f16$/,
      ],
      [callWith({ dtype: 'i32' }, [2]), /^uniform: needs a float dtype, got i32$/],
    ],
  },
  normal: {
    ref: (shape: readonly number[], { mean = 0, std = 1, dtype = 'f32' }: DrawOptions = {}): Nd =>
      nd(listed(shape), (_, i) => mean + std * standardNormal(dtype, i)),
    cases: [
      call([7]),
      call([]),
      call([0, 3]),
      ...dtypes.map(dtype => callWith({ mean: 0.5, std: 2, dtype }, [3, 1, 45])),
    ],
    errors: [
      [callWith({ std: -1 }, [2]), /^normal: std is -1; use 0 or more$/],
      [
        callWith({ mean: Infinity, dtype: 'f64' }, [2]),
        /^normal: mean is Infinity; use a finite number of dtype f64$/,
      ],
      [callWith({ dtype: 'bool' }, [2]), /^normal: needs a float dtype, got bool$/],
    ],
    tolerance: { f32: 2e-5, f64: 1e-13 },
  },
  bernoulli: {
    ref: (shape: readonly number[], p: number): Nd =>
      nd(listed(shape), (_, i) => (fraction24(sampleSeed, i) < p ? 1 : 0)),
    cases: [
      call([131], 0.3),
      call([], 1),
      call([2, 5], 0),
      call([0], 0.5),
      ...['f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'].map(dtype => callWith({ dtype }, [3, 50], 0.7)),
    ],
    errors: [
      [call([2], 1.5), /^bernoulli: p is 1\.5; use a probability in 0\.\.1$/],
      [call([2], NaN), /^bernoulli: p is NaN; use a probability in 0\.\.1$/],
    ],
  },
  randint: {
    ref: (low: number, high: number, shape: readonly number[]): Nd =>
      nd(listed(shape), (_, i) => {
        const bits = (BigInt(word(sampleSeed, 2 * i)) << 32n) | BigInt(word(sampleSeed, 2 * i + 1));
        return low + Number((bits * BigInt(high - low)) >> 64n);
      }),
    cases: [
      call(0, 10, [133]),
      call(-5, 4, [2, 3]),
      call(-(2 ** 31), 2 ** 31, [9]),
      call(3, 4, []),
      call(0, 2, [0]),
    ],
    errors: [
      [call(3, 3, [2]), /^randint: no i32 lies in \[3, 3\); use low < high within -2\^31\.\.2\^31$/],
      [
        call(0, 2 ** 40, [2]),
        /^randint: no i32 lies in \[0, 1099511627776\); use low < high within -2\^31\.\.2\^31$/,
      ],
    ],
  },
  dropout: {
    ref: (x: Nd, { p = 0.5 }: { p?: number } = {}): Nd =>
      nd(x.shape, (_, i) => (fraction24(sampleSeed, i) < 1 - p ? (x.data[i] ?? NaN) / (1 - p) : 0)),
    cases: [
      call(normal(67)),
      call(normal()),
      call(normal(0, 3)),
      callWith({ p: 0.2 }, normal(2, 1, 5, 13)),
      callWith({ p: 0 }, normal(2, 3)),
      callWith({ p: 1 }, normal(2, 3)),
    ],
    large: [call(normal(67_013))],
    errors: [
      [callWith({ p: -0.1 }, normal(2)), /^dropout: p is -0\.1; use a probability in 0\.\.1$/],
      [callWith({ p: 1.1 }, normal(2)), /^dropout: p is 1\.1; use a probability in 0\.\.1$/],
    ],
  },
};
