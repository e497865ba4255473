// LeNet: shapes, parameter counts and names.
import { models, seed, tensor, ValueError } from 'hebb';

const counts = (model: models.LeNet): Record<string, readonly number[]> =>
  Object.fromEntries(model.namedParameters().map(([name, { shape }]) => [name, shape]));

test('the defaults are LeNet-5 for 28 x 28 grey images', () => {
  const model = new models.LeNet();
  expect(counts(model)).toEqual({
    'features.0.weight': [6, 5, 5, 1],
    'features.0.bias': [6],
    'features.3.weight': [16, 5, 5, 6],
    'features.3.bias': [16],
    'head.1.weight': [120, 400],
    'head.1.bias': [120],
    'head.3.weight': [84, 120],
    'head.3.bias': [84],
    'head.5.weight': [10, 84],
    'head.5.bias': [10],
  });
  expect(model.parameters().reduce((sum, { size }) => sum + size, 0)).toBe(61_706);
});

test('other images, channels, classes and depths', () => {
  const model = new models.LeNet({ input: [32, 20, 3], classes: 4, channels: [2, 3], hidden: [] });
  expect(counts(model)['head.1.weight']).toEqual([4, 6 * 3 * 3]);
  expect(model.forward(tensor(new Float32Array(2 * 32 * 20 * 3), { shape: [2, 32, 20, 3] })).shape).toEqual([
    2, 4,
  ]);
  const least = new models.LeNet({ input: [12, 12, 1], hidden: [5] });
  expect(least.forward(tensor(new Float32Array(144), { shape: [1, 12, 12, 1] })).shape).toEqual([1, 10]);
});

test('dropout acts while training alone', async () => {
  seed(1);
  const model = new models.LeNet({ dropout: 0.5 });
  const x = tensor(new Float32Array(784).fill(1), { shape: [1, 28, 28, 1] });
  const [a, b] = [await model.forward(x).read(), await model.forward(x).read()];
  expect(a).not.toEqual(b);
  model.eval();
  expect(await model.forward(x).read()).toEqual(await model.forward(x).read());
  const rates = model.modules().flatMap(module => ('p' in module ? [module.p] : []));
  expect(rates).toEqual([0.5, 0.5, 0.5]);
});

test.each([
  [{ input: [11, 28, 1] as const }, 'LeNet: an input of 11 x 28 is too small; use at least 12 x 12'],
  [{ input: [28, NaN, 1] as const }, 'LeNet: an input of 28 x NaN is too small; use at least 12 x 12'],
  [{ hiden: [3] } as object, 'LeNet: has no option hiden; use input, classes, channels, hidden, dropout'],
])('refuses %p', (options, message) => {
  expect(() => new models.LeNet(options)).toThrow(new ValueError('LeNet', message.slice(7)));
});
