// Values come back in the order they were asked for; what is disposed or too large says so.
import { inspect } from 'node:util';
import { ShapeError, StateError } from '../../ts/errors';
import { flush } from '../../ts/runtime';
import { tensor } from '../../ts/tensor';
import * as ops from '../../ts/ops.gen';

test('reads resolve in the order they were made, beside later work', async () => {
  const seen: number[] = [];
  let x = tensor([0]);
  const reads: Promise<void>[] = [];
  for (let i = 0; i < 50; i++) {
    reads.push(x.item().then(value => void seen.push(value)));
    x = x.add(1);
  }
  await Promise.all(reads);
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
});

test('an op returns before it has run', async () => {
  const n = 512;
  let x = ops.ones([n, n]);
  const began = performance.now();
  for (let i = 0; i < 20; i++) x = ops.matmul(x, ops.ones([n, n])).mul(1 / n);
  const submitted = performance.now() - began;
  await x.read();
  expect(submitted).toBeLessThan((performance.now() - began) / 2);
});

test('reading keeps the event loop turning', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const x = Array.from({ length: 8 }).reduce<ReturnType<typeof ops.ones>>(
    y => ops.matmul(y, ops.ones([700, 700])).mul(1 / 700),
    ops.ones([700, 700]),
  );
  await x.read();
  clearInterval(timer);
  expect(turns).toBeGreaterThan(0);
});

test('a tensor may be disposed while it is being read', async () => {
  const x = tensor([1, 2, 3]).add(1);
  const pending = x.read();
  x.dispose();
  const others = Array.from({ length: 20 }, (_, i) => tensor([i, i, i]).mul(2));
  expect(await pending).toEqual(Float32Array.of(2, 3, 4));
  expect(await others[3]?.read()).toEqual(Float32Array.of(6, 6, 6));
});

test('views read their own part', async () => {
  const x = tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);
  expect(await ops.transpose(x).toArray()).toEqual([
    [1, 4],
    [2, 5],
    [3, 6],
  ]);
  expect(ops.slice(x, [0, 1], [2, 3]).readSync()).toEqual(Float32Array.of(2, 3, 5, 6));
  expect(ops.broadcastTo(tensor([7]), [3]).readSync()).toEqual(Float32Array.of(7, 7, 7));
  expect(ops.zeros([2]).readSync()).toEqual(Float32Array.of(0, 0));
});

test('i64 reads as bigints, item as a number', async () => {
  const x = tensor([2n ** 40n]);
  expect(await x.read()).toEqual(BigInt64Array.of(2n ** 40n));
  expect(await x.item()).toBe(2 ** 40);
  expect(x.itemSync()).toBe(2 ** 40);
});

test('item needs one element', async () => {
  const x = tensor([1, 2]);
  await expect(x.item()).rejects.toThrow(ShapeError);
  await expect(x.item()).rejects.toThrow(/^item: needs one element, got shape \[2\]; use read\(\)$/);
  expect(() => x.itemSync()).toThrow(/^itemSync: needs one element, got shape \[2\]; use read\(\)$/);
  expect(() => ops.zeros([0]).itemSync()).toThrow(
    /^itemSync: needs one element, got shape \[0\]; use read\(\)$/,
  );
});

test('empty tensors read as empty arrays', async () => {
  expect(await ops.zeros([0, 3]).read()).toEqual(new Float32Array(0));
  expect(await ops.zeros([2, 0]).toArray()).toEqual([[], []]);
});

describe('a disposed tensor', () => {
  const gone = (): ReturnType<typeof tensor> => {
    const x = tensor([1, 2]);
    x.dispose();
    x.dispose();
    return x;
  };

  test('says so', () => {
    const x = gone();
    expect(x.isDisposed).toBe(true);
    expect(inspect(x)).toBe('Tensor (disposed)');
    expect(inspect(tensor([1, 2]))).toBe('Tensor f32 [2]');
  });

  test('throws a StateError that names the op', async () => {
    const x = gone();
    const attempts: [string, () => unknown][] = [
      ['add', () => x.add(1)],
      ['matmul', () => ops.matmul(tensor([1, 2]), x)],
      ['concat', () => ops.concat([tensor([1]), x])],
      ['backward', () => x.backward()],
      ['detach', () => x.detach()],
    ];
    for (const [op, attempt] of attempts) {
      expect(attempt).toThrow(StateError);
      expect(attempt).toThrow(new RegExp(`^${op}: .* is disposed; .*$`));
    }
    await expect(x.read()).rejects.toThrow(StateError);
    expect(() => x.readSync()).toThrow(/ is disposed; /);
  });
});

test('flush resolves after everything submitted', async () => {
  const x = ops.matmul(ops.ones([300, 300]), ops.ones([300, 300]));
  await flush();
  expect(x.readSync()[0]).toBe(300);
});
