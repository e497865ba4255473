// Initialisers: ranges and variances from fans, and the defaults of layers.
import { nn, seed, ShapeError, state } from 'hebb';
import type { State } from 'hebb';

interface Statistics {
  mean: number;
  std: number;
  largest: number;
}

function statistics(x: State): Statistics {
  const values = Array.from(x.readSync(), Number);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance), largest: Math.max(...values.map(Math.abs)) };
}

// 80 outputs, 3 x 5 windows over 30 channels: fanIn 450, fanOut 1200; 36,000 weights.
const weight = (): State => state(new Float32Array(36_000), { shape: [80, 3, 5, 30], requiresGrad: true });

beforeEach(() => seed(1));

test.each<[string, (target: State) => void, number, boolean]>([
  ['heNormal', nn.init.heNormal, Math.sqrt(2 / 450), false],
  ['heUniform', nn.init.heUniform, Math.sqrt(2 / 450), true],
  ['heNormal fanOut', w => nn.init.heNormal(w, { mode: 'fanOut', slope: 2 }), Math.sqrt(2 / 5 / 1200), false],
  ['xavierNormal', nn.init.xavierNormal, Math.sqrt(2 / 1650), false],
  ['xavierUniform', w => nn.init.xavierUniform(w, { gain: 5 / 3 }), (5 / 3) * Math.sqrt(2 / 1650), true],
  ['normal', w => nn.init.normal(w, 0, 0.3), 0.3, false],
  ['uniform', w => nn.init.uniform(w, -1, 1), 1 / Math.sqrt(3), true],
])('%s has its standard deviation', (_, initialise, std, bounded) => {
  const target = weight();
  initialise(target);
  const found = statistics(target);
  expect(Math.abs(found.mean)).toBeLessThan((5 * std) / Math.sqrt(36_000));
  expect(Math.abs(found.std / std - 1)).toBeLessThan(0.02);
  if (bounded) expect(found.largest).toBeLessThanOrEqual(Math.sqrt(3) * std * (1 + 1e-6));
  else expect(found.largest).toBeGreaterThan(3 * std);
});

test('constants fill', () => {
  const target = state([1, 2], { requiresGrad: true });
  nn.init.constant(target, 4);
  expect([...target.readSync()]).toEqual([4, 4]);
  nn.init.ones(target);
  expect([...target.readSync()]).toEqual([1, 1]);
  nn.init.zeros(target);
  expect([...target.readSync()]).toEqual([0, 0]);
});

test('layers start within 1 / sqrt(fanIn), weights and biases', () => {
  const linear = new nn.Linear(400, 300);
  const conv = new nn.Conv2d(16, 64, 5);
  for (const [layer, fanIn] of [
    [linear, 400],
    [conv, 400],
  ] as const) {
    for (const target of [layer.weight, layer.bias]) {
      if (target === undefined) throw new Error('the layer has a bias');
      const { std, largest } = statistics(target);
      expect(largest).toBeLessThanOrEqual(0.05 * (1 + 1e-6));
      expect(largest).toBeGreaterThan(0.04);
      expect(Math.abs(std * Math.sqrt(3 * fanIn) - 1)).toBeLessThan(0.2);
    }
  }
  expect(Math.abs(statistics(new nn.Embedding(100, 100).weight).std - 1)).toBeLessThan(0.05);
});

test('the same seed gives the same model, another seed another', () => {
  const made = (value: number): unknown => {
    seed(value);
    return new nn.Linear(5, 5).weight.readSync();
  };
  expect(made(4)).toEqual(made(4));
  expect(made(4)).not.toEqual(made(5));
});

test('bad targets and options are refused', () => {
  const vector = state([1, 2], { requiresGrad: true });
  expect(() => nn.init.heNormal(vector)).toThrow(
    new ShapeError('heNormal', 'needs a weight of two or more axes, got shape [2]'),
  );
  expect(() => nn.init.heUniform(weight(), { slope: NaN })).toThrow(
    /^heUniform: slope must be a finite number, got NaN$/,
  );
  expect(() => nn.init.xavierNormal(weight(), { gian: 1 } as object)).toThrow(
    /^xavierNormal: has no option gian; use gain$/,
  );
});
