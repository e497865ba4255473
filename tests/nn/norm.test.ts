// Normalisation layers: what they compute, what they remember, and what they refuse.
import { memory, nn, normal, seed, ShapeError, tensor, ValueError } from 'hebb';
import type { State, Tensor } from 'hebb';
import { collectGarbage } from '../tensor/garbage';

const numbers = (x: Tensor | State | undefined): number[] => Array.from(x?.readSync() ?? [], Number);

function expectClose(got: Tensor | State | undefined, want: readonly number[], digits = 5): void {
  const list = numbers(got);
  expect(list).toHaveLength(want.length);
  list.forEach((value, i) => expect(value).toBeCloseTo(want[i] ?? NaN, digits));
}

const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
const squares = (list: readonly number[]): number => list.reduce((sum, x) => sum + (x - mean(list)) ** 2, 0);

/** The values of one of `channels`. */
const channel = (x: Tensor, at: number, channels: number): number[] =>
  numbers(x).filter((_, i) => i % channels === at);

const batches = (...shape: number[]): Tensor[] => {
  seed(5);
  return [1, 2, 3].map(scale => normal(shape).mul(scale).add(scale));
};

const layers = (op: typeof nn.BatchNorm1d | typeof nn.BatchNorm2d): string[] =>
  new op(3).namedStates().map(([name]) => name);

test('states have the names and kinds of the field', () => {
  const names = ['weight', 'bias', 'runningMean', 'runningVar', 'numBatchesTracked'];
  expect(layers(nn.BatchNorm1d)).toEqual(names);
  expect(layers(nn.BatchNorm2d)).toEqual(names);
  const layer = new nn.BatchNorm2d(3);
  expect(layer.namedParameters().map(([name]) => name)).toEqual(['weight', 'bias']);
  expect(numbers(layer.weight)).toEqual([1, 1, 1]);
  expect(numbers(layer.bias)).toEqual([0, 0, 0]);
  expect(numbers(layer.runningMean)).toEqual([0, 0, 0]);
  expect(numbers(layer.runningVar)).toEqual([1, 1, 1]);
  expect(layer.numBatchesTracked?.dtype).toBe('i64');
  expect(layer.numBatchesTracked?.shape).toEqual([]);
  expect(new nn.BatchNorm1d(3, { affine: false }).parameters()).toEqual([]);
  expect(new nn.BatchNorm1d(3, { affine: false, trackRunningStats: false }).namedStates()).toEqual([]);
});

test.each([
  ['BatchNorm1d', new nn.BatchNorm1d(2), [6, 2]],
  ['BatchNorm1d', new nn.BatchNorm1d(2), [4, 3, 2]],
  ['BatchNorm2d', new nn.BatchNorm2d(2), [2, 3, 4, 2]],
] as const)('%s: running statistics of %#', (_, layer, shape) => {
  const want = [0, 1].map(() => ({ mean: 0, variance: 1 }));
  for (const x of batches(...shape)) {
    const y = layer.forward(x);
    want.forEach((running, c) => {
      const list = channel(x, c, 2);
      running.mean = 0.9 * running.mean + 0.1 * mean(list);
      running.variance = 0.9 * running.variance + (0.1 * squares(list)) / (list.length - 1);
      const own = channel(y, c, 2);
      expect(mean(own)).toBeCloseTo(0, 5);
      expect(squares(own) / own.length).toBeCloseTo(1, 3);
    });
  }
  expectClose(
    layer.runningMean,
    want.map(w => w.mean),
  );
  expectClose(
    layer.runningVar,
    want.map(w => w.variance),
  );
  expect(numbers(layer.numBatchesTracked)).toEqual([3]);
});

test('momentum null takes the mean of all batches', () => {
  const layer = new nn.BatchNorm1d(1, { momentum: null });
  const list = batches(8, 1);
  for (const x of list) layer.forward(x);
  expectClose(layer.runningMean, [mean(list.map(x => mean(numbers(x))))]);
  expectClose(layer.runningVar, [mean(list.map(x => squares(numbers(x)) / 7))]);
  expect(numbers(layer.numBatchesTracked)).toEqual([3]);
});

test('evaluation uses the running statistics and leaves them alone', () => {
  const layer = new nn.BatchNorm1d(2, { eps: 0.5 });
  layer.runningMean?.assign([1, -1]);
  layer.runningVar?.assign([3.5, 8.5]);
  layer.weight?.assign([2, 3]);
  layer.bias?.assign([10, 20]);
  const y = layer.eval().forward(tensor([[3, 2]]));
  expectClose(y, [12, 23]);
  expect(numbers(layer.runningMean)).toEqual([1, -1]);
  expect(numbers(layer.numBatchesTracked)).toEqual([0]);
});

test('without running statistics evaluation uses those of its batch', () => {
  const layer = new nn.BatchNorm1d(1, { trackRunningStats: false, eps: 0 }).eval();
  expectClose(layer.forward(tensor([[1], [3]])), [-1, 1]);
});

test('the running statistics take no part in the gradient, nor does freeing them disturb it', () => {
  const layer = new nn.BatchNorm1d(2);
  const x = tensor([
    [1, 2],
    [3, 5],
    [8, 4],
  ]);
  layer.forward(x).mul(x).sum().backward();
  expect(layer.runningMean?.grad).toBeUndefined();
  const hats = [0, 1].map(c => {
    const list = channel(x, c, 2);
    return list.reduce((sum, v) => sum + (v * (v - mean(list))) / Math.sqrt(squares(list) / 3 + 1e-5), 0);
  });
  expectClose(layer.weight?.grad, hats);
  expectClose(layer.bias?.grad, [12, 11]);
});

test('a forward pass leaves its result alone behind', async () => {
  const layer = new nn.BatchNorm2d(4);
  const x = normal([2, 3, 3, 4]);
  layer.forward(x).dispose();
  await collectGarbage();
  const before = memory().liveTensors;
  using y = layer.forward(x);
  expect(y.shape).toEqual(x.shape);
  expect(memory().liveTensors).toBe(before + 1);
});

test('a saved layer continues where it was', () => {
  const [first, second] = [new nn.BatchNorm1d(3), new nn.BatchNorm1d(3)];
  for (const x of batches(5, 3)) first.forward(x);
  second.loadStateDict(first.stateDict());
  expect(numbers(second.numBatchesTracked)).toEqual([3]);
  const [x = tensor([])] = batches(4, 3);
  expect(numbers(second.eval().forward(x))).toEqual(numbers(first.eval().forward(x)));
});

test('an empty batch changes nothing', () => {
  const layer = new nn.BatchNorm1d(2);
  expect(layer.forward(normal([0, 2])).shape).toEqual([0, 2]);
  expect(numbers(layer.runningMean)).toEqual([0, 0]);
});

test('LayerNorm is over its last axes, in training and evaluation', () => {
  const layer = new nn.LayerNorm([2, 2], { eps: 0 });
  layer.weight?.assign([
    [1, 2],
    [3, 4],
  ]);
  layer.bias?.assign([
    [0, 0],
    [0, 10],
  ]);
  const x = tensor([
    [
      [1, 1],
      [3, 3],
    ],
    [
      [0, 20],
      [20, 0],
    ],
  ]);
  const want = [-1, -2, 3, 14, -1, 2, 3, 6];
  expectClose(layer.forward(x), want);
  expectClose(layer.eval().forward(x), want);
  expect(layer.namedParameters().map(([name]) => name)).toEqual(['weight', 'bias']);
  expect(layer.weight?.shape).toEqual([2, 2]);
  expect(new nn.LayerNorm(3, { bias: false }).namedStates().map(([name]) => name)).toEqual(['weight']);
  const plain = new nn.LayerNorm(3, { elementwiseAffine: false });
  expect(plain.namedStates()).toEqual([]);
  expectClose(plain.forward(tensor([0, 0, 0])), [0, 0, 0]);
});

test.each<[string, () => unknown, string]>([
  ['channels', () => new nn.BatchNorm1d(0), 'BatchNorm1d: channels must be a positive integer, got 0'],
  [
    'eps',
    () => new nn.BatchNorm2d(3, { eps: -1 }),
    'BatchNorm2d: eps must be a finite number of 0 or more, got -1',
  ],
  [
    'momentum',
    () => new nn.BatchNorm2d(3, { momentum: 1.5 }),
    'BatchNorm2d: momentum must be a number in 0..1 or null, got 1.5',
  ],
  [
    'an option',
    () => new nn.BatchNorm2d(3, { bias: false } as object),
    'BatchNorm2d: has no option bias; use eps, momentum, affine, trackRunningStats',
  ],
  ['an extent', () => new nn.LayerNorm([3, -1]), 'LayerNorm: shape must be a positive integer, got -1'],
  [
    'no extents',
    () => new nn.LayerNorm([]),
    'LayerNorm: shape is []; use the extents of one or more last axes',
  ],
  [
    'one value per channel',
    () => new nn.BatchNorm1d(4).forward(normal([1, 4])),
    'BatchNorm1d: x has shape [1, 4], one value per channel; its statistics need more than one',
  ],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(ValueError);
  expect(make).toThrow(message);
});

test.each<[string, () => unknown, string]>([
  [
    'channels',
    () => new nn.BatchNorm2d(3).forward(normal([2, 3, 4, 5])),
    'BatchNorm2d: x has shape [2, 3, 4, 5]; use [batch, height, width, 3]',
  ],
  [
    'axes',
    () => new nn.BatchNorm1d(3).forward(normal([3])),
    'BatchNorm1d: x has shape [3]; use [batch, 3] or [batch, length, 3]',
  ],
  [
    'a last axis',
    () => new nn.LayerNorm(3).forward(normal([3, 4])),
    'layerNorm: shape [3] is not how x [3, 4] ends; use its last extents',
  ],
])('x with wrong %s is refused', (_, make, message) => {
  expect(make).toThrow(ShapeError);
  expect(make).toThrow(message);
});
