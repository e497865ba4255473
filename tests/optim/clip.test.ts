// Gradient clipping against numbers by hand.
import { optim, seed, normal, square, state, tensor, ValueError } from 'hebb';
import type { DType, State } from 'hebb';

const parameter = (grad: number[] | undefined, dtype: DType = 'f32'): State => {
  const made: State = state(new Array<number>(grad?.length ?? 2).fill(1), { dtype, requiresGrad: true });
  if (grad !== undefined) made.grad = tensor(grad, { dtype });
  return made;
};
const gradOf = (x: State): number[] => Array.from(x.grad?.readSync() ?? [], Number);

test('clipGradNorm scales all gradients by one factor and returns the norm before', () => {
  const params = [parameter([3, 0]), parameter([0, 4, 12]), parameter(undefined)];
  expect(optim.clipGradNorm(params, 6.5).itemSync()).toBeCloseTo(13, 5);
  const close = params.map(gradOf).flat();
  [1.5, 0, 0, 2, 6].forEach((value, i) => expect(close[i]).toBeCloseTo(value, 5));
  expect(params[2]?.grad).toBeUndefined();
});

test('clipGradNorm leaves gradients that are short enough', () => {
  const p = parameter([0.3, -0.4]);
  const before = gradOf(p);
  expect(optim.clipGradNorm([p], 1).itemSync()).toBeCloseTo(0.5, 6);
  expect(gradOf(p)).toEqual(before);
  expect(optim.clipGradNorm([parameter(undefined)], 1).itemSync()).toBe(0);
});

test('clipGradNorm shows a gradient that is not finite, in the norm and in all gradients', () => {
  const [p, q] = [parameter([NaN]), parameter([1])];
  expect(optim.clipGradNorm([p, q], 1).itemSync()).toBeNaN();
  expect(gradOf(q)).toEqual([NaN]);
});

test.each(['f16', 'bf16', 'f64'] as const)('%s gradients keep their dtype', dtype => {
  const p = parameter([300, 400], dtype);
  expect(optim.clipGradNorm([p], 5).itemSync()).toBeCloseTo(500, 3);
  expect(p.grad?.dtype).toBe(dtype);
  gradOf(p).forEach((value, i) => expect(Math.abs(value - ([3, 4][i] ?? NaN))).toBeLessThan(0.03));
});

test('clipGradNorm follows backward and precedes a step', () => {
  seed(1);
  const p = state(normal([50]), { requiresGrad: true });
  square(p).sum().backward();
  optim.clipGradNorm([p], 0.1);
  const before = Array.from(p.readSync(), Number);
  new optim.SGD([p], { lr: 1 }).step();
  const moved = Array.from(p.readSync(), Number).map((value, i) => value - (before[i] ?? NaN));
  expect(Math.hypot(...moved)).toBeCloseTo(0.1, 4);
});

test('clipGradValue clamps each element', () => {
  const params = [parameter([-3, 0.25, 3]), parameter(undefined)];
  optim.clipGradValue(params, 0.5);
  expect(params.map(gradOf)).toEqual([[-0.5, 0.25, 0.5], []]);
});

test('limits that are no limits are refused', () => {
  expect(() => optim.clipGradNorm([], -1)).toThrow(
    new ValueError('clipGradNorm', 'maxNorm must be a finite number of 0 or more, got -1'),
  );
  expect(() => {
    optim.clipGradValue([], NaN);
  }).toThrow(new ValueError('clipGradValue', 'limit must be a finite number of 0 or more, got NaN'));
});
