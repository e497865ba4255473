// The generator of an environment: seeds, counters and program order.
import { ValueError } from '../../ts/errors';
import { randomCounter, seed, setRandomCounter } from '../../ts/random';
import { setThreads, threads } from '../../ts/runtime';
import { tensor } from '../../ts/tensor';
import * as ops from '../../ts/ops.gen';

const draw = (size = 9): Float32Array => Float32Array.from(ops.uniform([size]).readSync(), Number);

test('a seed repeats its draws, another seed does not', () => {
  seed(1);
  const first = [draw(), draw()];
  seed(1);
  expect([draw(), draw()]).toEqual(first);
  expect(first[0]).not.toEqual(first[1]);
  seed(2);
  expect(draw()).not.toEqual(first[0]);
});

test('a counter goes back to a place', () => {
  seed(3);
  draw(5);
  const place = randomCounter();
  expect(place).toBe(2);
  const next = draw();
  setRandomCounter(place);
  expect(draw()).toEqual(next);
});

test.each<[string, () => unknown, number]>([
  ['uniform', () => ops.uniform([9]), 9],
  ['uniform f64', () => ops.uniform([9], { dtype: 'f64' }), 18],
  ['normal', () => ops.normal([9]), 9],
  ['normal f64', () => ops.normal([9], { dtype: 'f64' }), 18],
  ['bernoulli', () => ops.bernoulli([9], 0.5), 9],
  ['randint', () => ops.randint(0, 3, [9]), 18],
  ['dropout', () => ops.dropout(ops.ones([9])), 9],
])('%s takes as many words as it needs', (_, take, words) => {
  seed(8);
  take();
  // Four words a block; a draw of fewer would share some with the next.
  expect(randomCounter()).toBe(Math.ceil(words / 4));
});

test('draws take their place at the call', () => {
  seed(4);
  const [a, b] = [ops.uniform([7]), ops.uniform([7])];
  const [later, earlier] = [b.readSync(), a.readSync()];
  seed(4);
  expect([draw(7), draw(7)]).toEqual([earlier, later]);
});

test('a seed set later does not change draws made before', async () => {
  seed(5);
  const expected = draw();
  seed(5);
  const pending = ops.uniform([9]);
  seed(6);
  expect(await pending.read()).toEqual(expected);
});

test('threads change nothing', () => {
  const before = threads();
  const drawn = [1, 2, 3].map(count => {
    setThreads(count);
    seed(7);
    return Float64Array.from(ops.normal([100_003]).readSync(), Number);
  });
  setThreads(before);
  const same = drawn.map(list => list.every((value, i) => value === drawn[0]?.[i]));
  expect(same).toEqual([true, true, true]);
});

test('dropout without a seed differs from step to step', () => {
  const x = tensor(new Float32Array(200).fill(1));
  expect(ops.dropout(x).readSync()).not.toEqual(ops.dropout(x).readSync());
});

test.each([-1, 1.5, NaN, 2 ** 60, Infinity])('seed %d is refused', value => {
  expect(() => seed(value)).toThrow(ValueError);
  expect(() => seed(value)).toThrow(/^seed: seed must be an integer in 0\.\.9007199254740991, got .*$/);
});

test.each([0, -1, 2.5, NaN, 100_000])('%d threads are refused', count => {
  const before = threads();
  expect(() => setThreads(count)).toThrow(ValueError);
  expect(() => setThreads(count)).toThrow(/^threads: count must be an integer in 1\.\.\d+, got .*$/);
  expect(threads()).toBe(before);
});
