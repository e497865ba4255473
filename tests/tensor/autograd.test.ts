// The walk back: what it computes, how deep it goes, and what it refuses.
import { grad, noGrad, valueAndGrad } from '../../ts/autograd';
import { DTypeError, ShapeError, StateError, ValueError } from '../../ts/errors';
import { memory } from '../../ts/runtime';
import { scope } from '../../ts/scope';
import { state } from '../../ts/state';
import type { State } from '../../ts/state';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';
import * as ops from '../../ts/ops.gen';

const gradOf = (w: State): unknown => w.grad?.readSync();

describe('backward', () => {
  test('needs one element or a seed', () => {
    const w = state([1, 2, 3], { requiresGrad: true });
    const y = w.value().square();
    expect(() => y.backward()).toThrow(ShapeError);
    expect(() => y.backward()).toThrow(
      /^backward: the loss has shape \[3\]; reduce it to one element or pass a seed$/,
    );
    expect(() => y.backward({ seed: tensor([1, 2]) })).toThrow(
      /^backward: the seed has shape \[2\], the loss \[3\]; they must be equal$/,
    );
    y.backward({ seed: tensor([1, 10, 100]) });
    expect(w.grad?.readSync()).toEqual(Float32Array.of(2, 40, 600));
  });

  test('needs something to differentiate by', () => {
    expect(() => tensor([1]).sum().backward()).toThrow(StateError);
    expect(() => tensor([1]).sum().backward()).toThrow(
      /^backward: the loss does not depend on anything that requires a gradient; use parameters or valueAndGrad$/,
    );
  });

  test('frees the graph unless told to keep it', () => {
    const w = state([2], { requiresGrad: true });
    const loss = w.value().square().sum();
    loss.backward({ keepGraph: true });
    loss.backward();
    expect(w.grad?.itemSync()).toBe(8);
    expect(() => loss.backward()).toThrow(StateError);
    expect(() => loss.backward()).toThrow(
      /^backward: the graph was freed by an earlier backward; pass keepGraph: true to that call to walk it twice$/,
    );
    expect(w.grad?.itemSync()).toBe(8);
  });

  test('frees what the forward pass had saved', () => {
    const w = state(new Float32Array(1000), { requiresGrad: true });
    const before = memory().liveBytes;
    using loss = scope(() => w.value().exp().tanh().mul(w).sum());
    expect(memory().liveBytes).toBeGreaterThan(before + 4000);
    loss.backward();
    w.grad = undefined;
    expect(memory().liveBytes).toBeLessThan(before + 100);
  });

  test('stops at detach and at noGrad', () => {
    const w = state([3], { requiresGrad: true });
    w.value().mul(w.value().detach()).sum().backward();
    expect(w.grad?.itemSync()).toBe(3);
    const y = noGrad(() => w.value().square());
    expect(y.requiresGrad).toBe(false);
    expect(w.value().requiresGrad).toBe(true);
  });

  test('can itself be differentiated', () => {
    const w = state([2], { requiresGrad: true });
    w.value().pow(3).sum().backward({ createGraph: true });
    const slope = w.grad;
    w.grad = undefined;
    slope?.sum().backward();
    expect(gradOf(w)).toEqual(Float32Array.of(12));
  });
});

describe('grad and valueAndGrad', () => {
  const cube = (x: Tensor): Tensor => x.mul(x).mul(x).sum();

  test('give f and its gradient', () => {
    const [value, slope] = valueAndGrad(cube)(tensor([1, 2]));
    expect([value.itemSync(), ...slope.readSync()]).toEqual([9, 3, 12]);
    expect([value.requiresGrad, slope.requiresGrad]).toEqual([true, false]);
  });

  test('nest', () => {
    const x = tensor(2, { dtype: 'f64' });
    expect(grad(grad(cube))(x).itemSync()).toBe(12);
    expect(grad(grad(grad(cube)))(x).itemSync()).toBe(6);
    expect(grad(grad(grad(grad(cube))))(x).itemSync()).toBe(0);
    // d/dx (x d/dx (x^3)) = 9 x^2: the inner argument stays on the outer graph.
    expect(grad((y: Tensor) => y.mul(grad(cube)(y)).sum())(x).itemSync()).toBe(36);
  });

  test('choose their arguments', () => {
    const f = (a: Tensor, b: Tensor): Tensor => a.mul(b).mul(b).sum();
    const [a, b] = [tensor([2]), tensor([3])];
    expect(grad(f, { wrt: 1 })(a, b).itemSync()).toBe(12);
    expect(grad(f, { wrt: [1, 0] })(a, b).map(g => g.itemSync())).toEqual([12, 9]);
    expect(() => grad(f, { wrt: 2 })(a, b)).toThrow(ValueError);
    expect(() => grad(f, { wrt: 2 })(a, b)).toThrow(/^grad: wrt 2 is out of range for 2 arguments$/);
  });

  test('give zeros for what f does not use', () => {
    const slope = grad((_: Tensor, y: Tensor) => y.sum())(tensor([1, 2]), tensor([3]));
    expect(slope.readSync()).toEqual(Float32Array.of(0, 0));
  });

  test('leave states alone', () => {
    const w = state([2], { requiresGrad: true });
    expect(grad((x: Tensor) => x.mul(w).sum())(tensor([5])).itemSync()).toBe(2);
    expect(w.grad).toBeUndefined();
  });

  test('work inside noGrad and leave it as it was', () => {
    noGrad(() => {
      expect(grad(cube)(tensor([2])).itemSync()).toBe(12);
      expect(grad(cube)(tensor([2])).requiresGrad).toBe(false);
    });
  });

  test('refuse integers and several elements', () => {
    expect(() => grad(cube)(tensor([1], { dtype: 'i32' }))).toThrow(DTypeError);
    expect(() => grad(cube)(tensor([1], { dtype: 'i32' }))).toThrow(/^grad: needs a float dtype, got i32$/);
    expect(() => grad((x: Tensor) => x.square())(tensor([1, 2]))).toThrow(ShapeError);
  });

  test('an exception in f leaves recording as it was', () => {
    const boom = (_: Tensor): Tensor => {
      throw new RangeError('mine');
    };
    expect(() => grad(boom)(tensor([1]))).toThrow(new RangeError('mine'));
    expect(() => noGrad(() => boom(tensor([1])))).toThrow(new RangeError('mine'));
    // A grad that believed itself nested would record its gradients.
    expect(grad(cube)(tensor([2])).requiresGrad).toBe(false);
    expect(state([1], { requiresGrad: true }).value().requiresGrad).toBe(true);
  });

  test('noGrad refuses an async callback', () => {
    const run = (): unknown => noGrad(async () => Promise.resolve(1));
    expect(run).toThrow(StateError);
    expect(run).toThrow(/^noGrad: the callback returned a promise; use a synchronous callback$/);
    expect(state([1], { requiresGrad: true }).value().requiresGrad).toBe(true);
  });
});

describe('deep and wide graphs', () => {
  const depth = 100_000;

  test('a chain of 100,000 ops is walked and freed', () => {
    const w = state([1], { requiresGrad: true, dtype: 'f64' });
    const before = memory().liveBytes;
    scope(() => {
      let y: Tensor = w.value();
      for (let i = 0; i < depth; i++) y = y.add(1);
      y.sum().backward();
    });
    expect(w.grad?.itemSync()).toBe(1);
    w.grad = undefined;
    expect(memory().liveBytes - before).toBeLessThan(64);
  });

  test('a chain that is never walked is freed without a stack', () => {
    const w = state([1], { requiresGrad: true });
    const before = memory().liveBytes;
    scope(() => {
      let y: Tensor = w.value();
      for (let i = 0; i < depth; i++) y = y.mul(1.000001);
    });
    expect(memory().liveBytes).toBe(before);
  });

  test('shared parts are walked once', () => {
    const w = state([1], { requiresGrad: true, dtype: 'f64' });
    // 2^60 paths.
    scope(() => {
      let y: Tensor = w.value();
      for (let i = 0; i < 60; i++) y = y.add(y);
      y.sum().backward();
    });
    expect(w.grad?.itemSync()).toBe(2 ** 60);
  });

  test('fan-in is summed in the order of creation, whatever the order of use', () => {
    const w = state([0.1], { requiresGrad: true });
    const scales = [1e8, 1, -1e8, 3.7, 1e-4];
    const slope = (order: readonly number[]): number => {
      const terms = scales.map(scale => w.value().mul(scale));
      const picked = order.map(i => terms[i] ?? tensor([0]));
      ops.concat(picked).sum().backward();
      const result = w.grad?.itemSync() ?? NaN;
      w.grad = undefined;
      return result;
    };
    const expected = scales.reduce((sum, scale) => Math.fround(sum + Math.fround(scale)), 0);
    expect([slope([0, 1, 2, 3, 4]), slope([4, 2, 0, 1, 3]), slope([3, 4, 1, 0, 2])]).toEqual([
      expected,
      expected,
      expected,
    ]);
  });
});

test('gradients of broadcast operands have the operands’ shapes', () => {
  const b = state([1, 2, 3], { requiresGrad: true });
  const c = state(2, { requiresGrad: true });
  ops.ones([4, 3]).mul(b).mul(c).sum().backward();
  expect(b.grad?.readSync()).toEqual(Float32Array.of(8, 8, 8));
  expect([c.grad?.shape, c.grad?.itemSync()]).toEqual([[], 24]);
});

test('a gradient has the dtype of what it is of', () => {
  const w = state([1, 2], { dtype: 'f16', requiresGrad: true });
  w.value()
    .mul(tensor([3, 4], { dtype: 'f64' }))
    .sum()
    .backward();
  expect([w.grad?.dtype, ...(w.grad?.readSync() ?? [])]).toEqual(['f16', 3, 4]);
});

test('disposing what a graph needs does not break it', () => {
  const w = state([2], { requiresGrad: true });
  const x = w.value();
  const y = x.square();
  const loss = y.exp().sum();
  x.dispose();
  y.dispose();
  loss.backward();
  expect(w.grad?.itemSync()).toBeCloseTo(4 * Math.exp(4), 2);
});
