// Random ops: distributions, exact words, and that threads and the backward pass draw the same numbers.
import { createHash } from 'node:crypto';
import { grad } from '../../ts/autograd';
import * as ops from '../../ts/ops.gen';
import { seed } from '../../ts/random';
import { setThreads, threads } from '../../ts/runtime';
import { state } from '../../ts/state';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';
import { fraction24 } from './philox';

const count = 200_000;
const before = threads();
afterAll(() => setThreads(before));

const numbers = (x: Tensor): Float64Array => Float64Array.from(x.readSync(), Number);

// Element by element, jest takes seconds for as many.
const equal = (a: Float64Array | undefined, b: Float64Array | undefined): boolean =>
  a !== undefined &&
  b !== undefined &&
  a.length === b.length &&
  a.every((value, i) => Object.is(value, b[i]));

function moments(x: Float64Array): { mean: number; variance: number } {
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  return { mean, variance: x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / x.length };
}

/** sum of (observed - expected)^2 / expected over bins of equal probability. */
function chiSquare(bins: readonly number[], total: number): number {
  const expected = total / bins.length;
  return bins.reduce((sum, observed) => sum + (observed - expected) ** 2 / expected, 0);
}

const histogram = (x: Float64Array, bins: number, place: (value: number) => number): number[] => {
  const counts = Array.from({ length: bins }, () => 0);
  for (const value of x) {
    const bin = Math.floor(place(value) * bins);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
};

// The chance of a larger value of chi-square with 63 degrees of freedom is below 1e-4.
const limit = 120;

beforeEach(() => seed(11));

test.each(['f32', 'f64'] as const)('uniform %s is uniform', dtype => {
  const x = numbers(ops.uniform([count], { low: -1, high: 3, dtype }));
  const { mean, variance } = moments(x);
  expect(Math.abs(mean - 1)).toBeLessThan(0.02);
  expect(Math.abs(variance - 16 / 12)).toBeLessThan(0.02);
  expect(x.every(value => value >= -1 && value < 3)).toBe(true);
  expect(
    chiSquare(
      histogram(x, 64, value => (value + 1) / 4),
      count,
    ),
  ).toBeLessThan(limit);
});

test('uniform is exactly the words of the counter, on every instruction set', () => {
  const x = numbers(ops.uniform([1001]));
  expect([...x]).toEqual(Array.from({ length: 1001 }, (_, i) => fraction24(11, i)));
});

test('normals have the same bits on every instruction set', () => {
  const bytes = new Uint8Array(ops.normal([10_007]).readSync().buffer);
  expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16)).toBe('552f6c6d7939ce54');
});

test.each(['f32', 'f64'] as const)('normal %s has the moments and tails of one', dtype => {
  const x = numbers(ops.normal([count], { dtype }));
  const { mean, variance } = moments(x);
  const fourth = x.reduce((sum, value) => sum + value ** 4, 0) / count;
  expect(Math.abs(mean)).toBeLessThan(0.01);
  expect(Math.abs(variance - 1)).toBeLessThan(0.02);
  expect(Math.abs(fourth - 3)).toBeLessThan(0.1);
  expect(x.every(Number.isFinite)).toBe(true);
  const beyond = x.filter(value => Math.abs(value) > 3).length / count;
  expect(Math.abs(beyond - 0.0027)).toBeLessThan(0.0006);
});

test('neighbours are independent', () => {
  const x = numbers(ops.normal([count]));
  for (const lag of [1, 2, 3, 4, 8]) {
    const products = x.subarray(lag).reduce((sum, value, i) => sum + value * (x[i] ?? 0), 0) / count;
    expect(Math.abs(products)).toBeLessThan(0.01);
  }
});

test('bernoulli and randint have their frequencies', () => {
  const ones = numbers(ops.bernoulli([count], 0.3)).reduce((sum, value) => sum + value, 0);
  expect(Math.abs(ones / count - 0.3)).toBeLessThan(0.005);
  const whole = numbers(ops.randint(-32, 32, [count]));
  expect(
    chiSquare(
      histogram(whole, 64, value => (value + 32) / 64),
      count,
    ),
  ).toBeLessThan(limit);
});

describe('dropout', () => {
  test('keeps the mean and the mask between forward and backward', () => {
    const x = state(new Float32Array(count).fill(1), { requiresGrad: true });
    const y = ops.dropout(x, { p: 0.3 });
    y.sum().backward();
    const [kept, slope] = [numbers(y), x.grad === undefined ? new Float64Array(0) : numbers(x.grad)];
    expect(equal(slope, kept)).toBe(true);
    const zeros = kept.filter(value => value === 0).length;
    expect(Math.abs(zeros / count - 0.3)).toBeLessThan(0.005);
    expect(Math.abs(moments(kept).mean - 1)).toBeLessThan(0.01);
  });

  test('keeps the mask in second derivatives', () => {
    const x = tensor(new Float32Array(50).fill(2));
    const cubed = (z: Tensor): Tensor => ops.dropout(z, { p: 0.5 }).pow(3).sum();
    const second = numbers(grad((z: Tensor) => grad(cubed)(z).sum())(x));
    seed(11);
    // y = m x: the second derivative of y^3 is 6 m^3 x.
    const mask = numbers(ops.dropout(ops.onesLike(x), { p: 0.5 }));
    expect([...second]).toEqual([...mask].map(m => 12 * m ** 3));
  });
});

test.each<[string, () => Tensor]>([
  ['uniform', () => ops.uniform([count + 3])],
  ['normal', () => ops.normal([count + 3])],
  ['bernoulli', () => ops.bernoulli([count + 3], 0.4)],
  ['randint', () => ops.randint(0, 1000, [count + 3])],
  ['dropout', () => ops.dropout(ops.ones([count + 3]))],
])('%s: one seed, the same numbers for any number of threads', (_, draw) => {
  const runs = [1, 2, 3].map(workers => {
    setThreads(workers);
    seed(5);
    return numbers(draw());
  });
  expect([equal(runs[1], runs[0]), equal(runs[2], runs[0])]).toEqual([true, true]);
});
