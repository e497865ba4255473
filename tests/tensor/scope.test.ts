// Scopes and `using`: what is freed, what is kept, and that exceptions free everything.
import { StateError } from '../../ts/errors';
import { memory } from '../../ts/runtime';
import { scope } from '../../ts/scope';
import { state } from '../../ts/state';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';

test('frees what was made inside and keeps what is returned', () => {
  let inner: Tensor | undefined;
  const outer = tensor([1]);
  const kept = scope(() => {
    inner = outer.add(1);
    return inner.mul(2);
  });
  expect(inner?.isDisposed).toBe(true);
  expect(outer.isDisposed).toBe(false);
  expect(kept.itemSync()).toBe(4);
});

test('keeps tensors in arrays, objects and maps, however deep', () => {
  const made = scope(() => ({
    list: [tensor([1]), { x: tensor([2]) }],
    map: new Map([['a', tensor([3])]]),
    data: new Float32Array(2),
    nothing: null,
  }));
  const [first, second] = made.list as [Tensor, { x: Tensor }];
  expect([first.itemSync(), second.x.itemSync(), made.map.get('a')?.itemSync()]).toEqual([1, 2, 3]);
});

test('survives a result that contains itself', () => {
  const result = scope(() => {
    const loop: { x: Tensor; self?: unknown } = { x: tensor([5]) };
    loop.self = loop;
    return loop;
  });
  expect(result.x.itemSync()).toBe(5);
});

test('nests: what an inner scope returns dies with the outer one', () => {
  let middle: Tensor | undefined;
  const kept = scope(() => {
    middle = scope(() => tensor([1]).add(1));
    expect(middle.isDisposed).toBe(false);
    return scope(() => tensor([10]).add(5));
  });
  expect(middle?.isDisposed).toBe(true);
  expect(kept.itemSync()).toBe(15);
});

test('a tensor of an outer scope returned from an inner one stays where it was', () => {
  const escaped = scope(() => {
    const x = tensor([1]);
    scope(() => x);
    expect(x.isDisposed).toBe(false);
    return [x];
  });
  expect(escaped[0]?.isDisposed).toBe(false);
});

test('an exception frees everything and leaves the scopes as they were', () => {
  const made: Tensor[] = [];
  const before = memory();
  expect(() =>
    scope(() => {
      made.push(tensor([1, 2, 3]));
      scope(() => {
        made.push(tensor([4]).add(1));
        throw new RangeError('mine');
      });
    }),
  ).toThrow(new RangeError('mine'));
  expect(made.map(x => x.isDisposed)).toEqual([true, true]);
  expect(memory().liveBytes).toBe(before.liveBytes);
  expect(scope(() => tensor([2]).add(1)).itemSync()).toBe(3);
});

test('an async callback is refused, and its later rejection is nobody’s', () => {
  const run = (): unknown =>
    scope(async () => {
      await Promise.resolve();
      throw new Error('unseen');
    });
  expect(run).toThrow(StateError);
  expect(run).toThrow(/^scope: the callback returned a promise; use a synchronous callback$/);
});

test('states made inside live on, also when returned', () => {
  const [made] = scope(() => [state([1, 2]), tensor([1])]);
  expect(made.readSync()).toEqual(Float32Array.of(1, 2));
});

test('what the graph of a kept tensor needs stays', () => {
  const w = state([3], { requiresGrad: true });
  const loss = scope(() => w.value().square().sum());
  loss.backward();
  expect(w.grad?.itemSync()).toBe(6);
});

test('using disposes at the end of the block', () => {
  let seen: Tensor | undefined;
  {
    using x = tensor([1, 2]);
    seen = x;
    expect(x.isDisposed).toBe(false);
  }
  expect(seen.isDisposed).toBe(true);
});
