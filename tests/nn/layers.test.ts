// Layers against values by hand, and the arguments they refuse.
import { nn, seed, tensor, ValueError } from 'hebb';
import type { Tensor } from 'hebb';

const numbers = (x: Tensor): number[] => Array.from(x.readSync(), Number);
const close = (x: Tensor, expected: number[]): void =>
  numbers(x).forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 5));

/** 0, 1, 2, ... as an image [1, height, width, channels]. */
const ramp = (height: number, width: number, channels = 1): Tensor =>
  tensor(
    Float32Array.from({ length: height * width * channels }, (_, i) => i),
    { shape: [1, height, width, channels] },
  );

test('Linear is x W^T + b', () => {
  const layer = new nn.Linear(2, 3);
  layer.weight.assign([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  layer.bias?.assign([10, 20, 30]);
  const y = layer.forward(tensor([[1, -1]]));
  expect(y.shape).toEqual([1, 3]);
  expect(numbers(y)).toEqual([9, 19, 29]);
  expect(new nn.Linear(2, 3, { bias: false }).bias).toBeUndefined();
});

test('Conv2d slides its kernel: valid, same, strided, dilated, grouped', () => {
  const x = ramp(3, 3);
  const layer = new nn.Conv2d(1, 1, 2, { bias: false });
  layer.weight.assign(new Float32Array([1, 10, 100, 1000]));
  expect(layer.weight.shape).toEqual([1, 2, 2, 1]);
  expect(numbers(layer.forward(x))).toEqual([4310, 5421, 7643, 8754]);

  const same = new nn.Conv2d(1, 1, 2, { bias: false, padding: 'same' });
  same.weight.assign(layer.weight);
  expect(same.forward(x).shape).toEqual([1, 3, 3, 1]);
  expect(numbers(same.forward(x)).slice(0, 3)).toEqual([4310, 5421, 502]);

  const strided = new nn.Conv2d(1, 1, 1, { bias: false, stride: [2, 1] });
  strided.weight.assign(new Float32Array([2]));
  expect(numbers(strided.forward(x))).toEqual([0, 2, 4, 12, 14, 16]);

  const dilated = new nn.Conv2d(1, 1, 2, { bias: false, dilation: 2 });
  dilated.weight.assign(layer.weight);
  expect(numbers(dilated.forward(x))).toEqual([8000 + 600 + 20 + 0]);

  const grouped = new nn.Conv2d(2, 2, 1, { groups: 2 });
  expect(grouped.weight.shape).toEqual([2, 1, 1, 1]);
  grouped.weight.assign(new Float32Array([2, 3]));
  grouped.bias?.assign([1, 1]);
  expect(numbers(grouped.forward(ramp(1, 2, 2)))).toEqual([1, 4, 5, 10]);
  expect(new nn.Conv2d(1, 1, [3, 5], { padding: [1, 2], bias: false }).forward(x).shape).toEqual([
    1, 3, 3, 1,
  ]);
  expect(new nn.Conv2d(1, 1, 3, { padding: 'valid' }).forward(x).shape).toEqual([1, 1, 1, 1]);
});

test('pooling layers take the largest, the mean, and the mean of all', () => {
  const x = ramp(4, 4);
  expect(numbers(new nn.MaxPool2d(2).forward(x))).toEqual([5, 7, 13, 15]);
  expect(numbers(new nn.MaxPool2d(2, { stride: 1, padding: 1 }).forward(x))).toHaveLength(25);
  expect(numbers(new nn.AvgPool2d([2, 4]).forward(x))).toEqual([3.5, 11.5]);
  expect(numbers(new nn.AvgPool2d(2, { stride: 4, padding: 1 }).forward(x)).slice(0, 1)).toEqual([0]);
  expect(new nn.GlobalAvgPool2d().forward(x).shape).toEqual([1, 1]);
  expect(numbers(new nn.GlobalAvgPool2d().forward(x))).toEqual([7.5]);
});

test('activations are their formulas', () => {
  const x = tensor([-2, 0, 1]);
  expect(numbers(new nn.ReLU().forward(x))).toEqual([0, 0, 1]);
  close(new nn.LeakyReLU().forward(x), [-0.02, 0, 1]);
  close(new nn.LeakyReLU({ slope: 0.5 }).forward(x), [-1, 0, 1]);
  close(new nn.ELU().forward(x), [-0.8646647, 0, 1]);
  close(new nn.ELU({ alpha: 0.5 }).forward(x), [-0.4323324, 0, 1]);
  close(new nn.SELU().forward(x), [-1.5201665, 0, 1.050701]);
  close(new nn.Softplus().forward(x), [0.126928, 0.6931472, 1.3132617]);
  close(new nn.LogSoftmax().forward(x), [-3.349012, -1.349012, -0.349012]);
  close(new nn.LogSoftmax({ axis: 0 }).forward(tensor([[0, 5]])), [0, 0]);
  close(new nn.Sigmoid().forward(x), [0.1192029, 0.5, 0.7310586]);
  close(new nn.Tanh().forward(x), [-0.9640276, 0, 0.7615942]);
  close(new nn.GELU().forward(x), [-0.0455003, 0, 0.8413447]);
  close(new nn.GELU({ tanh: true }).forward(x), [-0.0454023, 0, 0.841192]);
  close(new nn.SiLU().forward(x), [-0.2384058, 0, 0.7310586]);
  close(new nn.Softmax().forward(x), [0.035119, 0.2594964, 0.7053845]);
  close(new nn.Softmax({ axis: 0 }).forward(tensor([[0, 0]])), [1, 1]);
});

test('Flatten keeps the batch, Identity everything, Embedding looks rows up', () => {
  expect(new nn.Flatten().forward(ramp(2, 3, 4)).shape).toEqual([1, 24]);
  const x = tensor([1]);
  expect(new nn.Identity().forward(x)).toBe(x);
  const table = new nn.Embedding(3, 2);
  table.weight.assign([
    [1, 2],
    [3, 4],
    [5, 6],
  ]);
  const y = table.forward(tensor([[2, 0]], { dtype: 'i32' }));
  expect(y.shape).toEqual([1, 2, 2]);
  expect(numbers(y)).toEqual([5, 6, 1, 2]);
});

test('Dropout drops while training alone, and the seed decides what', () => {
  const layer = new nn.Dropout(0.25);
  const x = tensor(new Float32Array(10_000).fill(3));
  expect(layer.eval().forward(x)).toBe(x);
  layer.train();
  seed(3);
  const first = numbers(layer.forward(x));
  expect(new Set(first)).toEqual(new Set([0, 4]));
  const kept = first.filter(value => value > 0).length / 10_000;
  expect(Math.abs(kept - 0.75)).toBeLessThan(0.03);
  expect(numbers(layer.forward(x))).not.toEqual(first);
  seed(3);
  expect(numbers(layer.forward(x))).toEqual(first);
});

const notNumber: unknown = '3';

test.each<[string, () => unknown, string]>([
  ['NaN', () => new nn.Linear(NaN, 3), 'Linear: inFeatures must be a positive integer, got NaN'],
  ['0', () => new nn.Linear(3, 0), 'Linear: outFeatures must be a positive integer, got 0'],
  [
    'a string',
    () => new nn.Linear(notNumber as number, 3),
    "Linear: inFeatures must be a positive integer, got '3'",
  ],
  [
    'a misspelt option',
    () => new nn.Linear(1, 1, { bais: true } as object),
    'Linear: has no option bais; use bias',
  ],
  ['2.5', () => new nn.Conv2d(1, 1, 2.5), 'Conv2d: kernel must be a positive integer, got 2.5'],
  [
    'a triple',
    () => new nn.Conv2d(1, 1, [1, 2, 3] as never),
    'Conv2d: kernel must be a number or [height, width], got [ 1, 2, 3 ]',
  ],
  [
    '-1',
    () => new nn.Conv2d(1, 1, 3, { padding: -1 }),
    'Conv2d: padding must be an integer of 0 or more, got -1',
  ],
  [
    'same, strided',
    () => new nn.Conv2d(1, 1, 3, { padding: 'same', stride: 2 }),
    "Conv2d: padding 'same' needs stride 1, got 2",
  ],
  [
    'a word',
    () => new nn.Conv2d(1, 1, 3, { padding: 'full' as 'same' }),
    "Conv2d: padding must be a number, a pair, 'same' or 'valid', got 'full'",
  ],
  [
    'groups',
    () => new nn.Conv2d(3, 4, 3, { groups: 2 }),
    'Conv2d: groups 2 must divide inChannels 3 and outChannels 4',
  ],
  [
    'stride 0',
    () => new nn.MaxPool2d(2, { stride: 0 }),
    'MaxPool2d: stride must be a positive integer, got 0',
  ],
  ['p', () => new nn.Dropout(1.5), 'Dropout: p must be a probability in 0..1, got 1.5'],
  ['slope', () => new nn.LeakyReLU({ slope: NaN }), 'LeakyReLU: slope must be a finite number, got NaN'],
  ['alpha', () => new nn.ELU({ alpha: Infinity }), 'ELU: alpha must be a finite number, got Infinity'],
  [
    'axis',
    () => new nn.LogSoftmax({ axis: 0.5 }),
    'LogSoftmax: axis must be an integer of -8 or more, got 0.5',
  ],
  ['count', () => new nn.Embedding(-1, 2), 'Embedding: count must be a positive integer, got -1'],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(ValueError);
  expect(make).toThrow(message);
});
