// Gradients where a function has a kink: the documented choices, which differences cannot see.
import { grad } from '../../ts/autograd';
import * as ops from '../../ts/ops.gen';
import { scope } from '../../ts/scope';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';

/** The gradients of sum(f(...)) at these vectors. */
function slopes(f: (...x: Tensor[]) => Tensor, ...at: number[][]): number[][] {
  return scope(() =>
    grad((...x: Tensor[]) => f(...x).sum(), { wrt: at.map((_, i) => i) })(...at.map(x => tensor(x))).map(g =>
      Array.from(g.readSync(), Number),
    ),
  );
}

test('at 0 relu and abs have gradient 0', () => {
  expect(slopes(ops.relu, [-1, 0, 2])).toEqual([[0, 0, 1]]);
  expect(slopes(ops.abs, [-1, 0, 2])).toEqual([[-1, 0, 1]]);
});

test('equal operands share the gradient of maximum and minimum', () => {
  expect(slopes(ops.maximum, [1, 2, 3], [2, 2, 2])).toEqual([
    [0, 0.5, 1],
    [1, 0.5, 0],
  ]);
  expect(slopes(ops.minimum, [1, 2, 3], [2, 2, 2])).toEqual([
    [1, 0.5, 0],
    [0, 0.5, 1],
  ]);
});

test('clamp passes the gradient at its bounds', () => {
  expect(slopes(x => ops.clamp(x, { min: 0, max: 1 }), [-1, 0, 0.5, 1, 2])).toEqual([[0, 1, 1, 1, 0]]);
});

test('steps have gradient 0, not none', () => {
  for (const f of [ops.sign, ops.floor, ops.ceil, ops.round]) {
    expect(slopes(f, [-1.5, 0, 2])).toEqual([[0, 0, 0]]);
  }
});

test('a power of 0 is flat, and its exponent has no slope where the base is not positive', () => {
  expect(slopes(x => ops.pow(x, 0), [-1, 0, 2])).toEqual([[0, 0, 0]]);
  expect(slopes(x => ops.pow(x, 2), [-1, 0, 2])).toEqual([[-2, 0, 4]]);
  const [, exponent] = slopes(ops.pow, [-1, 0, 1], [2, 2, 2]);
  expect(exponent).toEqual([0, 0, 0]);
});

test('where sends the gradient one way only, past infinities too', () => {
  const safe = (x: Tensor): Tensor =>
    ops.where(ops.greater(x, 0), ops.log(ops.where(ops.greater(x, 0), x, 1)), 0);
  expect(slopes(safe, [0, 1, 2])).toEqual([[0, 1, 0.5]]);
});

test('each operand gets the gradient in its own dtype', () => {
  scope(() => {
    const half: Tensor = tensor([1, 2], { dtype: 'f16' });
    const single: Tensor = tensor([3, 4]);
    const [a, b] = grad((x: Tensor, y: Tensor) => x.mul(y).sum(), { wrt: [0, 1] })(half, single);
    expect([a?.dtype, b?.dtype]).toEqual(['f16', 'f32']);
    expect(Array.from(a?.readSync() ?? [], Number)).toEqual([3, 4]);
  });
});
