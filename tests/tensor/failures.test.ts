// Failures while running: who hears of them, and what they leave untouched.
import { ValueError } from '../../ts/errors';
import { flush } from '../../ts/runtime';
import { state } from '../../ts/state';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';
import * as ops from '../../ts/ops.gen';

const table = (): Tensor =>
  tensor([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
const bad = (): Tensor => ops.take(table(), tensor([0, 7, 1], { dtype: 'i32' }));
const message = /^take: index 7 at position 1 is out of range; use 0\.\.2$/;

afterEach(async () => {
  await flush().catch(() => undefined);
});

test('a read rejects with op and value', async () => {
  const failed = bad();
  const failure: unknown = await failed.read().catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ValueError);
  expect(failure).toMatchObject({ op: 'take', message: expect.stringMatching(message) });
  expect(() => failed.readSync()).toThrow(message);
});

test('crossEntropy names the class id', async () => {
  const loss = ops.crossEntropy(ops.zeros([3, 4]), tensor([0, 9, 1], { dtype: 'i32' }));
  await expect(loss.item()).rejects.toThrow(/^crossEntropy: target 9 at row 1 is out of range; use 0\.\.3$/);
});

test('what follows is poisoned, what does not is not', async () => {
  const failed = bad();
  const healthy = table().mul(2);
  const mixed = ops.concat([failed, healthy]);
  await expect(failed.mul(0).sum().item()).rejects.toThrow(message);
  await expect(mixed.read()).rejects.toThrow(message);
  expect(await healthy.read()).toEqual(Float32Array.of(2, 4, 6, 8, 10, 12));
});

test('the memory of a poisoned tensor is sound for the next one', async () => {
  for (let i = 0; i < 20; i++) {
    const failed = bad();
    failed.dispose();
    const next = tensor([
      [i, i],
      [i, i],
      [i, i],
    ]).add(1);
    expect(await next.read()).toEqual(new Float32Array(6).fill(i + 1));
    next.dispose();
  }
  await expect(flush()).rejects.toThrow(message);
});

test('a state keeps its value', async () => {
  const s = state(
    [
      [1, 1],
      [1, 1],
      [1, 1],
    ],
    { requiresGrad: true },
  );
  s.assign(bad());
  expect(await s.read()).toEqual(new Float32Array(6).fill(1));
  await expect(flush()).rejects.toThrow(message);
  s.assign(table());
  expect(await s.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
});

test('an optimizer step with a poisoned gradient changes nothing', async () => {
  const w = state([1, 2], { requiresGrad: true });
  const ids = tensor([5], { dtype: 'i32' });
  ops.take(w, ids).sum().backward();
  ops.sgdStep([w], [], [], [w.grad ?? tensor([0, 0])], tensor(0.1));
  await expect(flush()).rejects.toThrow(/^take: index 5 at position 0 is out of range; use 0\.\.1$/);
  expect(await w.read()).toEqual(Float32Array.of(1, 2));
});

test('flush rejects once, with the first failure nobody has read', async () => {
  bad();
  ops.take(table(), tensor([-3], { dtype: 'i32' }));
  await expect(flush()).rejects.toThrow(message);
  await flush().catch(() => undefined);
  await expect(flush()).resolves.toBeUndefined();
});

test('a failure that a read has told is not told again by flush', async () => {
  await expect(bad().read()).rejects.toThrow(message);
  await expect(flush()).resolves.toBeUndefined();
});

test('failures do not stop the queue', async () => {
  const before = table().add(1);
  const failures = Array.from({ length: 10 }, () => bad());
  const after = table().add(2);
  expect((await before.read())[0]).toBe(2);
  expect((await after.read())[0]).toBe(3);
  const told = await Promise.allSettled(failures.map(x => x.read()));
  expect(told.map(({ status }) => status)).toEqual(failures.map(() => 'rejected'));
});
