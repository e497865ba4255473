// Samples of attention, against loops over every query and key.
import { fraction24 } from './philox';
import {
  at,
  bools,
  broadcastShape,
  call,
  callWith,
  ints,
  nd,
  normal,
  sampleSeed,
  typed,
  values,
} from './sample';
import type { Case, FamilySamples, Nd } from './sample';

interface AttentionOptions {
  readonly causal?: boolean;
  readonly dropout?: number;
  readonly scale?: number;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

/** exp(x) / sum(exp(x)), zeros where nothing is above -Infinity. */
function softmax(list: readonly number[]): number[] {
  const top = Math.max(...list);
  const exps = list.map(x => (top === -Infinity ? 0 : Math.exp(x - top)));
  const total = sum(exps);
  return exps.map(x => (total === 0 ? 0 : x / total));
}

// Masks of booleans and of numbers look alike here, so there is a reference for each.
const attention =
  (masked: (score: number, mask: number) => number) =>
  (query: Nd, key: Nd, value: Nd, mask: Nd | undefined, options: AttentionOptions = {}): Nd => {
    const { causal = false, dropout = 0, scale = 0 } = options;
    const batch = broadcastShape(...[query, key, value].map(x => x.shape.slice(0, -2)));
    const [queries = 0, depth = 0] = query.shape.slice(-2);
    const [keys = 0, width = 0] = value.shape.slice(-2);
    const factor = scale === 0 ? 1 / Math.sqrt(Math.max(depth, 1)) : scale;
    const weights = nd([...batch, queries, keys], () => 0);
    nd([...batch, queries], (index, row) => {
      const [i = 0, lead] = [index.at(-1), index.slice(0, -1)];
      const scores = range(keys).map(j => {
        const terms = range(depth).map(d => at(query, [...lead, i, d]) * at(key, [...lead, j, d]));
        const score = factor * sum(terms);
        if (causal && j > i) return -Infinity;
        return mask === undefined ? score : masked(score, at(mask, [...lead, i, j]));
      });
      weights.data.set(softmax(scores), row * keys);
      return 0;
    });
    const dropped = nd(weights.shape, (_, i) =>
      dropout === 0 || fraction24(sampleSeed, i) < 1 - dropout ? (weights.data[i] ?? NaN) / (1 - dropout) : 0,
    );
    return nd([...batch, queries, width], index => {
      const [i = 0, d = 0] = index.slice(-2);
      const lead = index.slice(0, -2);
      return sum(range(keys).map(j => at(dropped, [...lead, i, j]) * at(value, [...lead, j, d])));
    });
  };

const allowed = (score: number, mask: number): number => (mask === 0 ? -Infinity : score);
const added = (score: number, mask: number): number => score + mask;

/** A bool mask that leaves every query a key. */
const mask = (shape: number[], ...list: number[]): Case['args'][number] => ({
  ...typed('bool', values(...list)),
  shape,
});

const qkv = (
  queries: number,
  keys: number,
  depth: number,
  width = depth,
  ...batch: number[]
): Case['args'] => [
  normal(...batch, queries, depth),
  normal(...batch, keys, depth),
  normal(...batch, keys, width),
];

const float32 = (sample: Case): Case => ({ ...sample, dtypes: ['f32'] });

export const samples: FamilySamples = {
  scaledDotProductAttention: {
    ref: (query: Nd, key: Nd, value: Nd, given?: Nd, options?: AttentionOptions): Nd => {
      const isBool = given?.data.every(x => x === 0 || x === 1) ?? false;
      return attention(isBool ? allowed : added)(query, key, value, given, options);
    },
    cases: [
      call(...qkv(3, 4, 5)),
      call(...qkv(5, 5, 8, 8, 2, 3)),
      call(...qkv(1, 1, 1)),
      call(...qkv(2, 7, 3, 4, 2)),
      call(...qkv(33, 40, 7, 19)),
      callWith({ causal: true }, ...qkv(5, 5, 4, 4, 2)),
      callWith({ causal: true }, ...qkv(3, 6, 4)),
      callWith({ causal: true }, ...qkv(6, 3, 4, 5)),
      callWith({ causal: true }, ...qkv(37, 37, 5, 3)),
      callWith({ scale: 0.3 }, ...qkv(3, 4, 5)),
      callWith({ scale: -0.7, causal: true }, ...qkv(4, 4, 3)),
      call(normal(2, 1, 3, 4), normal(3, 5, 4), normal(5, 2)),
      call(...qkv(3, 4, 5, 5, 2), mask([3, 4], 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 1)),
      call(...qkv(3, 4, 5, 5, 2), mask([2, 1, 4], 1, 1, 1, 0, 0, 1, 0, 1)),
      call(...qkv(3, 4, 5), bools(3, 1)),
      call(...qkv(2, 3, 4), mask([2, 3], 0, 0, 0, 1, 0, 1)),
      callWith({ causal: true }, ...qkv(3, 3, 2), mask([3], 0, 1, 1)),
      call(...qkv(3, 4, 5, 5, 2), normal(3, 4)),
      call(...qkv(3, 4, 5, 5, 2), normal(2, 1, 4)),
      callWith({ causal: true, scale: 0.4 }, ...qkv(4, 4, 2), normal(1)),
      { ...call(...qkv(2, 3, 4), values(-Infinity, 0.5, 2)), noGrad: 'infinite' },
      callWith({ dropout: 0.3 }, ...qkv(5, 7, 4, 4, 2)),
      callWith({ dropout: 0.5, causal: true }, ...qkv(4, 4, 3), mask([4], 1, 0, 1, 1)),
      call(...qkv(0, 3, 2)),
      call(...qkv(3, 0, 2)),
      callWith({ causal: true }, ...qkv(0, 0, 2, 2, 2)),
      call(...qkv(2, 3, 4, 4, 0)),
      call(...qkv(2, 3, 4, 0)),
      call(...qkv(2, 3, 0, 4)),
    ],
    errors: [
      [
        call(normal(4), normal(3, 4), normal(3, 4)),
        /^scaledDotProductAttention: query \[4\], key \[3, 4\], value \[3, 4\]: too few axes; use \[\.\., time, depth\]$/,
      ],
      [
        call(normal(2, 4), normal(3, 5), normal(3, 4)),
        /^scaledDotProductAttention: query \[2, 4\], key \[3, 5\], value \[3, 4\]: query and key differ in depth; use the same last extent$/,
      ],
      [
        call(normal(2, 4), normal(3, 4), normal(2, 4)),
        /^scaledDotProductAttention: query \[2, 4\], key \[3, 4\], value \[2, 4\]: key and value differ in time; use one value for each key$/,
      ],
      [
        call(normal(2, 3, 4), normal(3, 3, 4), normal(3, 4)),
        /^scaledDotProductAttention: shapes \[2\] and \[3\] do not broadcast.*$/,
      ],
      [
        call(...qkv(2, 3, 4), bools(2, 2)),
        /^scaledDotProductAttention: mask \[2, 2\] does not broadcast to scores \[2, 3\]$/,
      ],
      [
        call(...qkv(2, 3, 4), bools(1, 2, 3)),
        /^scaledDotProductAttention: mask \[1, 2, 3\] does not broadcast to scores \[2, 3\]$/,
      ],
      [
        call(...qkv(2, 3, 4), ints(0, 2, [2, 3])),
        /^scaledDotProductAttention: mask needs bool or a float dtype, got i32$/,
      ],
      [
        callWith({ dropout: 1.5 }, ...qkv(2, 3, 4)),
        /^scaledDotProductAttention: dropout is 1\.5; use a probability in 0\.\.1$/,
      ],
      [
        callWith({ scale: NaN }, ...qkv(2, 3, 4)),
        /^scaledDotProductAttention: scale is NaN; use a finite number, 0 for 1 \/ sqrt\(depth\)$/,
      ],
      [
        call(ints(0, 3, [2, 4]), normal(3, 4), normal(3, 4)),
        /^scaledDotProductAttention: query needs a float dtype, got i32$/,
      ],
    ],
    large: [
      call(...qkv(150, 300, 33, 40, 3)),
      callWith({ causal: true }, ...qkv(300, 280, 32, 32, 2, 2)),
    ].map(float32),
  },
};
