// What the matrix cannot see of reductions: kinks, long sums, spreads far smaller than the mean.
import { grad } from '../../ts/autograd';
import * as ops from '../../ts/ops.gen';
import { scope } from '../../ts/scope';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';

const slopes = (f: (x: Tensor) => Tensor, x: Tensor): number[] =>
  scope(() => Array.from(grad((v: Tensor) => ops.sum(f(v)))(x).readSync(), Number));

test('equal extremes share the gradient', () => {
  const x = tensor([
    [2, 1, 2],
    [0, 0, 0],
  ]);
  const third = Math.fround(1 / 3);
  expect(slopes(v => ops.max(v, { axis: 1 }), x)).toEqual([0.5, 0, 0.5, third, third, third]);
  expect(slopes(v => ops.min(v, { axis: 1 }), x)).toEqual([0, 1, 0, third, third, third]);
  expect(slopes(v => ops.max(v), x)).toEqual([0.5, 0, 0.5, 0, 0, 0]);
});

test('std of equal elements has gradient 0, of any order', () => {
  const flat = tensor([3, 3, 3]);
  expect(slopes(v => ops.std(v), flat)).toEqual([0, 0, 0]);
  const second = grad((v: Tensor) => ops.sum(ops.square(grad((u: Tensor) => ops.std(u))(v))))(flat);
  expect([...second.readSync()].every(value => Number(value) === 0)).toBe(true);
});

test('a product with one zero has the gradient of the others there', () => {
  expect(slopes(v => ops.prod(v), tensor([2, 0, 3]))).toEqual([0, 6, 0]);
  expect(slopes(v => ops.prod(v), tensor([0, 0, 3]))).toEqual([0, 0, 0]);
});

test('sums of a million f32 numbers are exact to a few units in the last place', () => {
  scope(() => {
    const x = ops.full([1024, 1024], Math.fround(0.1)).add(ops.zeros([1024, 1]));
    const exact = Math.fround(0.1) * 1024 * 1024;
    for (const total of [ops.sum(x), ops.sum(ops.sum(x, { axis: 0 })), ops.sum(ops.sum(x, { axis: 1 }))]) {
      expect(Math.abs(total.itemSync() - exact) / exact).toBeLessThan(1e-6);
    }
  });
});

test('the variance keeps its digits where the mean is eighty thousand times the spread', () => {
  scope(() => {
    const x = tensor(Float32Array.from({ length: 1000 }, (_, i) => 4e6 + (i % 2)));
    expect(ops.var_(x, { correction: 0 }).itemSync()).toBeCloseTo(0.25, 4);
    expect(ops.std(x, { correction: 0 }).itemSync()).toBeCloseTo(0.5, 4);
  });
});

test('a constant is summed without memory to the same number', () => {
  scope(() => {
    const ones = ops.ones([300, 500]);
    expect(ops.sum(ones).itemSync()).toBe(150000);
    expect(ops.mean(ones, { axis: 0 }).shape).toEqual([500]);
  });
});
