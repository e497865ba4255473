// States: snapshots never change, writes fit, gradients add up.
import { inspect } from 'node:util';
import { DTypeError, ShapeError } from '../../ts/errors';
import { memory } from '../../ts/runtime';
import { isState, state } from '../../ts/state';
import type { State } from '../../ts/state';
import { isTensor, tensor } from '../../ts/tensor';
import * as ops from '../../ts/ops.gen';
import { collectGarbage } from './garbage';

const gradOf = (w: State): unknown => w.grad?.readSync();

test('is made from data or from a tensor', async () => {
  const s = state([[1, 2]], { dtype: 'f64' });
  expect([s.dtype, s.shape, s.size, s.requiresGrad]).toEqual(['f64', [1, 2], 2, false]);
  expect(await s.read()).toEqual(Float64Array.of(1, 2));
  const x = tensor([3, 4]);
  const copy = state(x, { requiresGrad: true });
  x.dispose();
  expect(copy.readSync()).toEqual(Float32Array.of(3, 4));
  expect(inspect(copy)).toBe('State f32 [2] requiresGrad');
  expect([isState(s), isState(x), isTensor(x), isTensor(s)]).toEqual([true, false, true, false]);
});

describe('a read before a write', () => {
  test('never changes', async () => {
    const s = state([1, 2, 3]);
    const first = s.value();
    const pending = s.read();
    s.assign([4, 5, 6]);
    const second = s.value();
    s.assign(7);
    expect(await pending).toEqual(Float32Array.of(1, 2, 3));
    expect(await first.read()).toEqual(Float32Array.of(1, 2, 3));
    expect(await second.read()).toEqual(Float32Array.of(4, 5, 6));
    expect(await s.read()).toEqual(Float32Array.of(7, 7, 7));
  });

  test('never changes through a view either', async () => {
    const s = state([
      [1, 2],
      [3, 4],
    ]);
    const view = ops.transpose(s);
    const part = ops.slice(s, [1, 0], [2, 2]);
    s.assign([
      [9, 9],
      [9, 9],
    ]);
    expect(await view.read()).toEqual(Float32Array.of(1, 3, 2, 4));
    expect(await part.read()).toEqual(Float32Array.of(3, 4));
  });

  test('outlives the cell', async () => {
    const snapshot = state([5, 6]).value();
    await collectGarbage();
    tensor([7, 7]);
    expect(await snapshot.read()).toEqual(Float32Array.of(5, 6));
  });

  test('is what the gradient uses', () => {
    const s = state([2], { requiresGrad: true });
    const loss = s.value().square().mul(s).sum();
    s.assign([100]);
    loss.backward();
    expect(s.grad?.itemSync()).toBe(12);
  });
});

test('assigning a view of itself reads before it writes', async () => {
  const s = state([
    [1, 2],
    [3, 4],
  ]);
  s.assign(ops.transpose(s));
  expect(await s.read()).toEqual(Float32Array.of(1, 3, 2, 4));
  s.assign(ops.flip(s, { axis: [0] }));
  expect(await s.read()).toEqual(Float32Array.of(2, 4, 1, 3));
});

test('assign casts, broadcasts and counts versions', async () => {
  const s = state(new Float32Array(6), { shape: [2, 3] });
  const version = s.version;
  s.assign(tensor([1, 2, 3], { dtype: 'i32' }));
  expect(await s.read()).toEqual(Float32Array.of(1, 2, 3, 1, 2, 3));
  s.assign(0.5);
  s.assign(Float32Array.of(1, 2, 3, 4, 5, 6));
  expect(await s.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
  expect(s.version).toBe(version + 3);
});

test('assign refuses what does not fit', () => {
  const s = state(new Float32Array(6), { shape: [2, 3] });
  expect(() => s.assign(tensor([1, 2]))).toThrow(ShapeError);
  expect(() => s.assign(tensor([1, 2]))).toThrow(/^assign: .*\[2\].*\[2, 3\].*$/);
  expect(() => s.assign(tensor([[[1, 2, 3]], [[1, 2, 3]], [[4, 5, 6]]]))).toThrow(/^assign: .*$/);
  expect(() => s.assign(new Float32Array(4))).toThrow(
    /^assign: 4 values do not fit a state of shape \[2, 3\]$/,
  );
  expect(s.readSync()).toEqual(new Float32Array(6));
});

describe('gradients', () => {
  test('add up until they are cleared', () => {
    const w = state([1, 2], { requiresGrad: true });
    w.value().mul(3).sum().backward();
    w.value().square().sum().backward();
    expect(w.grad?.readSync()).toEqual(Float32Array.of(5, 7));
    w.grad = undefined;
    expect(gradOf(w)).toBeUndefined();
    w.value().sum().backward();
    expect(gradOf(w)).toEqual(Float32Array.of(1, 1));
  });

  test('of a state used twice are one sum', () => {
    const w = state([3], { requiresGrad: true });
    ops.mul(w, w).add(w).sum().backward();
    expect(w.grad?.itemSync()).toBe(7);
  });

  test('a snapshot of a gradient does not follow it', () => {
    const w = state([1], { requiresGrad: true });
    w.value().sum().backward();
    const before = w.grad;
    w.value().sum().backward();
    expect([before?.itemSync(), w.grad?.itemSync()]).toEqual([1, 2]);
  });

  test('may be set, and must fit', () => {
    const w = state([1, 2], { requiresGrad: true });
    w.grad = tensor([5, 6]);
    w.value().sum().backward();
    expect(w.grad?.readSync()).toEqual(Float32Array.of(6, 7));
    expect(() => (w.grad = tensor([1]))).toThrow(ShapeError);
    expect(() => (w.grad = tensor([1]))).toThrow(
      /^grad: a gradient f32 ?\[1\] for a state f32 ?\[2\]; they must be equal$/,
    );
  });

  test('are wanted only where requiresGrad says so, from then on', () => {
    const w = state([1, 2]);
    expect(w.value().requiresGrad).toBe(false);
    w.requiresGrad = true;
    expect(w.value().mul(2).requiresGrad).toBe(true);
    w.requiresGrad = false;
    expect(w.value().requiresGrad).toBe(false);
  });

  test('belong to floats', () => {
    expect(() => state([1], { dtype: 'i32', requiresGrad: true })).toThrow(DTypeError);
    const s = state([1], { dtype: 'i32' });
    expect(() => (s.requiresGrad = true)).toThrow(
      /^state: only a float state can require a gradient, got i32$/,
    );
    expect(s.requiresGrad).toBe(false);
  });
});

test('writing needs no second copy where nobody holds the old value', async () => {
  await collectGarbage();
  const s = state(new Float32Array(1000));
  const before = memory().liveBytes;
  for (let i = 0; i < 5; i++) s.assign(i);
  expect(s.readSync()[999]).toBe(4);
  expect(memory().liveBytes).toBe(before);
});
