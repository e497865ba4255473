// Samples of the reductions: references gather each slice as a list and reduce that.
import { bools, call, callWith, ints, nd, normal, size, typed, uniform, values } from './sample';
import type { Case, FamilySamples, Input, Nd } from './sample';

interface Options {
  readonly axis?: number | readonly number[];
  readonly keepDims?: boolean;
  readonly correction?: number;
}

const flatten = (shape: readonly number[], index: readonly number[]): number =>
  shape.reduce((flat, extent, axis) => flat * extent + (index[axis] ?? 0), 0);

/** f of every slice of x, each as a list in row-major order. */
function reduced(x: Nd, { axis, keepDims }: Options, f: (slice: readonly number[]) => number): Nd {
  const rank = x.shape.length;
  const given = axis === undefined ? x.shape.map((_, i) => i) : [axis].flat();
  const axes = given.map(a => (a < 0 ? a + rank : a));
  const kept = x.shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
  const slices = Array.from({ length: size(kept) }, (): number[] => []);
  nd(x.shape, (index, flat) => {
    const place = flatten(
      kept,
      index.map((at, i) => (axes.includes(i) ? 0 : at)),
    );
    slices[place]?.push(x.data[flat] ?? NaN);
    return 0;
  });
  const shape = keepDims === true ? kept : x.shape.filter((_, i) => !axes.includes(i));
  return { data: Float64Array.from(slices, f), shape };
}

const over =
  (f: (slice: readonly number[], options: Options) => number) =>
  (x: Nd, options: Options = {}): Nd =>
    reduced(x, options, slice => f(slice, options));

const total = (slice: readonly number[]): number => slice.reduce((a, b) => a + b, 0);
const average = (slice: readonly number[]): number => total(slice) / slice.length;
const largest = (slice: readonly number[]): number => slice.reduce((a, b) => (a > b || a !== a ? a : b));
const smallest = (slice: readonly number[]): number => -largest(slice.map(x => -x));

const place = (slice: readonly number[], winner: number): number =>
  slice.findIndex(x => x === winner || (x !== x && winner !== winner));

function variance(slice: readonly number[], { correction = 1 }: Options): number {
  const mean = average(slice);
  return total(slice.map(x => (x - mean) ** 2)) / Math.max(0, slice.length - correction);
}

function logOfSum(slice: readonly number[]): number {
  const top = slice.length === 0 ? 0 : largest(slice);
  const shift = Number.isFinite(top) ? top : 0;
  return Math.log(total(slice.map(x => Math.exp(x - shift)))) + shift;
}

function running(x: Nd, axis: number, { reverse = false }: { reverse?: boolean } = {}): Nd {
  const at = axis < 0 ? axis + x.shape.length : axis;
  return nd(x.shape, index => {
    let sum = 0;
    for (let i = 0; i < (x.shape[at] ?? 0); i++) {
      const own = index[at] ?? 0;
      if (reverse ? i < own : i > own) continue;
      sum += x.data[flatten(x.shape, index.with(at, i))] ?? NaN;
    }
    return sum;
  });
}

/** Every way to name axes, on inputs that `make` gives for a shape; none of them without elements to reduce. */
const axisCases = (make: (...shape: number[]) => Input, options: Options = {}): Case[] => [
  callWith({ ...options }, make(3, 4)),
  callWith({ ...options, axis: 0 }, make(3, 4)),
  callWith({ ...options, axis: 1, keepDims: true }, make(3, 4)),
  callWith({ ...options, axis: -2 }, make(2, 3, 2)),
  callWith({ ...options, axis: [0, 2] }, make(2, 3, 2)),
  callWith({ ...options, axis: [-1, 0], keepDims: true }, make(2, 2, 3)),
  callWith({ ...options, axis: [1, 3] }, make(2, 2, 1, 3)),
  callWith({ ...options, axis: [0, 1, 2] }, make(2, 1, 3, 2)),
  callWith({ ...options, axis: 1 }, make(0, 3)),
];

// Long enough for every loop of the kernels: lanes, tails, trees of rows, groups of narrow rows.
const longCases = (make: (...shape: number[]) => Input): Case[] => [
  callWith({ axis: 1 }, make(3, 150)),
  callWith({ axis: 0 }, make(300, 3)),
  callWith({ axis: 0 }, make(19, 140)),
  callWith({ axis: 1 }, make(2, 21, 5)),
];

// Just enough for several tasks and chunks.
const float32 = (sample: Case): Case => ({ ...sample, dtypes: ['f32'] });
const large = [
  call(normal(100, 400)),
  callWith({ axis: 0 }, normal(600, 70)),
  callWith({ axis: 1 }, normal(3, 12000)),
].map(float32);

const smallInts = { bool: 'i32', u8: 'i32' };

const outOfRange = (name: string): [Case, RegExp] => [
  callWith({ axis: 3 }, normal(2, 3)),
  new RegExp(`^${name}: axis 3 is out of range for shape \\[2, 3\\]; use -2\\.\\.1$`),
];
const twice = (name: string): [Case, RegExp] => [
  callWith({ axis: [1, -1] }, normal(2, 3)),
  new RegExp(`^${name}: axis -1 is given twice in \\[1, -1\\]; use each axis once$`),
];
const nothing = (name: string): [Case, RegExp][] => [
  [
    callWith({ axis: 1 }, normal(2, 0)),
    new RegExp(`^${name}: no elements along axis 1 of shape \\[2, 0\\]; use slices of at least one element$`),
  ],
  [
    call(normal(0, 3)),
    new RegExp(`^${name}: no elements in shape \\[0, 3\\]; use slices of at least one element$`),
  ],
];
const refused = (name: string, wanted: string, dtype: string): [Case, RegExp] => [
  call(typed(dtype, values(1, 0))),
  new RegExp(`^${name}: x needs ${wanted}, got ${dtype}$`),
];
const oneAxis = (name: string): [Case, RegExp] => [
  callWith({ axis: [0, 1] }, normal(2, 3)),
  new RegExp(`^${name}: takes one axis, got 2; use one, or none for the place in the flattened tensor$`),
];

const extremes = (pick: (slice: readonly number[]) => number, name: string): FamilySamples[string] => ({
  ref: over(pick),
  cases: [
    ...axisCases(normal),
    ...longCases(normal),
    call(normal()),
    call(normal(1)),
    { ...call(ints(0, 3, [4, 5])), noGrad: 'integers' },
    { ...callWith({ axis: 0 }, values(2, NaN, -1, NaN)), noGrad: 'NaN' },
    { ...call(values(-Infinity, -Infinity)), noGrad: 'infinite' },
  ],
  errors: [outOfRange(name), twice(name), ...nothing(name), refused(name, 'a numeric dtype', 'bool')],
  large,
});

const places = (pick: (slice: readonly number[]) => number, name: string): FamilySamples[string] => ({
  ref: over(slice => place(slice, pick(slice))),
  cases: [
    call(normal(3, 4)),
    callWith({ axis: 0 }, normal(3, 4)),
    callWith({ axis: [-1], keepDims: true }, normal(3, 4)),
    callWith({ axis: 1 }, normal(2, 5, 3)),
    callWith({ axis: 1 }, normal(0, 3)),
    ...longCases(normal),
    callWith({ axis: 1 }, ints(0, 3, [6, 7])),
    callWith({ axis: 0 }, ints(0, 3, [7, 6], 'u8')),
    callWith({ keepDims: true }, values(2, NaN, 5, NaN)),
    call(normal()),
    call(normal(1)),
  ],
  errors: [outOfRange(name), oneAxis(name), ...nothing(name), refused(name, 'a numeric dtype', 'bool')],
  large: large.slice(1),
});

const logical = (f: (slice: readonly number[]) => number, name: string): FamilySamples[string] => ({
  ref: over(f),
  cases: [
    ...axisCases((...shape) => bools(...shape)),
    callWith({ axis: 1 }, ints(0, 2, [4, 3])),
    callWith({ axis: 0 }, normal(4, 3)),
    call(values(0, 0, 0)),
    call(values(0, 2, 0)),
    call(values(1, 2, 3)),
    callWith({ axis: 1 }, bools(2, 0)),
    callWith({ axis: 0 }, bools(0)),
    callWith({ axis: 0 }, bools(200, 3)),
    call(bools(1)),
    call(bools()),
  ],
  errors: [outOfRange(name), twice(name)],
});

export const samples: FamilySamples = {
  sum: {
    ref: over(total),
    cases: [
      ...axisCases(normal),
      ...longCases(normal),
      callWith({ axis: [] }, normal(2, 3)),
      callWith({ axis: [0, 2, 4] }, normal(2, 3, 2, 2, 3)),
      callWith({ axis: 1 }, normal(2, 0, 3)),
      call(normal(0)),
      call(normal()),
      call(normal(1)),
      call(typed('u8', values(255, 255, 255))),
      call(typed('i32', values(2 ** 31 - 1, 1))),
    ],
    errors: [outOfRange('sum'), twice('sum')],
    resultDType: smallInts,
    large,
  },
  mean: {
    ref: over(average),
    cases: [
      ...axisCases(normal),
      ...longCases(normal),
      callWith({ axis: [] }, normal(2, 3)),
      callWith({ axis: [0, 2, 4] }, normal(2, 3, 2, 2, 3)),
      { ...callWith({ axis: 1 }, normal(2, 0)), noGrad: 'divided by 0' },
      call(normal()),
      call(normal(1)),
    ],
    errors: [outOfRange('mean'), twice('mean'), refused('mean', 'a float dtype', 'i32')],
    large,
  },
  prod: {
    ref: over(slice => slice.reduce((a, b) => a * b, 1)),
    cases: [
      callWith({ axis: 0 }, normal(3, 4)),
      callWith({ axis: -1, keepDims: true }, normal(2, 5)),
      callWith({ axis: [0, 2] }, normal(2, 3, 2)),
      call(normal(2, 3)),
      call(uniform(0.5, 1.5, 33)),
      call(values(0, 2, 3)),
      call(values(2, 0, 3, 0)),
      callWith({ axis: 1 }, normal(2, 0)),
      call(normal()),
      call(normal(1)),
    ],
    errors: [outOfRange('prod'), twice('prod')],
    resultDType: smallInts,
  },
  max: extremes(largest, 'max'),
  min: extremes(smallest, 'min'),
  argmax: places(largest, 'argmax'),
  argmin: places(smallest, 'argmin'),
  var: {
    ref: over(variance),
    cases: [
      ...axisCases(normal, { correction: 0 }),
      ...longCases(normal),
      callWith({ axis: 0, correction: 2, keepDims: true }, normal(5, 3)),
      callWith({ axis: 1 }, uniform(1000, 1001, 2, 60)),
      callWith({ correction: 0 }, normal(1)),
      { ...callWith({ axis: 1 }, normal(2, 0)), noGrad: 'divided by 0' },
      { ...call(normal(1)), noGrad: 'divided by 0' },
      { ...callWith({ correction: 5 }, normal(3)), noGrad: 'divided by 0' },
    ],
    errors: [outOfRange('var'), twice('var'), refused('var', 'a float dtype', 'i32')],
    large,
  },
  std: {
    ref: over((slice, options) => Math.sqrt(variance(slice, options))),
    cases: [
      ...axisCases(normal, { correction: 0 }),
      ...longCases(normal),
      callWith({ axis: 0, correction: 2, keepDims: true }, normal(5, 3)),
      { ...callWith({ correction: 0 }, normal(1)), noGrad: 'a kink: all elements are equal' },
      { ...callWith({ axis: 1 }, normal(2, 0)), noGrad: 'divided by 0' },
      { ...call(normal(1)), noGrad: 'divided by 0' },
    ],
    errors: [outOfRange('std'), twice('std'), refused('std', 'a float dtype', 'bool')],
    large,
  },
  any: logical(slice => Number(slice.some(x => x !== 0)), 'any'),
  all: logical(slice => Number(slice.every(x => x !== 0)), 'all'),
  logsumexp: {
    ref: over(logOfSum),
    cases: [
      ...axisCases(normal),
      ...longCases(normal),
      callWith({ axis: 1 }, uniform(500, 900, 3, 4)),
      callWith({ axis: 1 }, uniform(-900, -500, 3, 4)),
      callWith({ axis: 1 }, normal(2, 0)),
      call(normal()),
      call(normal(1)),
      { ...call(values(-Infinity, -Infinity)), noGrad: 'infinite' },
      { ...call(values(-Infinity, Infinity)), noGrad: 'infinite' },
    ],
    errors: [outOfRange('logsumexp'), twice('logsumexp'), refused('logsumexp', 'a float dtype', 'u8')],
  },
  cumsum: {
    ref: running,
    cases: [
      call(normal(5), 0),
      call(normal(3, 4), 0),
      callWith({ reverse: true }, normal(3, 4), -1),
      call(normal(2, 3, 4), 1),
      callWith({ reverse: true }, normal(2, 3, 300), 1),
      call(normal(0), 0),
      call(normal(2, 0), 0),
      call(normal(1), -1),
    ],
    errors: [
      [call(normal(2, 3), 2), /^cumsum: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/],
      [call(normal(), 0), /^cumsum: axis 0 is out of range for shape \[\].*$/],
    ],
    resultDType: smallInts,
    large: [call(normal(50, 800), 1), call(normal(20, 2, 600), 0)].map(float32),
  },
};
