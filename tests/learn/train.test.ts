// Small trainings with fixed seeds that must reach what they reached when they were written.
import { data, evaluate, fit, models, nn, optim, scope, seed, tensor } from 'hebb';
import type { Tensor } from 'hebb';

test('XOR with two layers', async () => {
  seed(3);
  const model = nn.sequential(new nn.Linear(2, 8), new nn.Tanh(), new nn.Linear(8, 1));
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  const x = tensor([[0, 0], [0, 1], [1, 0], [1, 1]]); // prettier-ignore
  const target = tensor([[0], [1], [1], [0]]);
  let loss = NaN;
  for (let step = 0; step < 300; step++) {
    const value = scope(() => {
      const mean = nn.bceWithLogits(model.forward(x), target);
      mean.backward();
      optimizer.step();
      return mean;
    });
    if (step === 299) loss = await value.item();
    value.dispose();
  }
  expect(loss).toBeLessThan(0.01);
  const logits = [...((await model.forward(x).read()) as Float32Array)];
  expect(logits.map(logit => logit > 0)).toEqual([false, true, true, false]);
});

test('a line through points, by SGD with momentum', async () => {
  seed(1);
  const model = new nn.Linear(2, 1);
  const points = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i * 1.7));
  const target = Float32Array.from(
    { length: 64 },
    (_, i) => 3 * (points[2 * i] ?? 0) - 2 * (points[2 * i + 1] ?? 0) + 0.5,
  );
  const train = new data.ArrayDataset({
    x: { data: points, shape: [2] },
    target: { data: target, shape: [1] },
  });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const history = await fit(model, { train, batch: 16, epochs: 40, loss: nn.mseLoss, optimizer });
  expect(history.epochs.at(-1)?.figures['loss']).toBeLessThan(1e-6);
  const [w = NaN, v = NaN] = (await model.weight.read()) as Float32Array;
  expect([w, v, Number((await model.bias?.read())?.[0])].map(value => Number(value.toFixed(2)))).toEqual([
    3, -2, 0.5,
  ]);
});

test('the built-in digits with a LeNet: above 95 % on images it has not seen', async () => {
  seed(1);
  const model = new models.LeNet();
  const { epochs } = await fit(model, {
    train: data.digits({ seed: 1, count: 4000 }),
    batch: 32,
    epochs: 3,
    loss: nn.crossEntropy,
    optimizer: new optim.AdamW(model.parameters(), { lr: 2e-3 }),
    metrics: ['accuracy'],
    seed: 1,
  });
  const losses = epochs.map(({ figures }) => figures['loss'] ?? NaN);
  expect(losses).toEqual([...losses].sort((a, b) => b - a));
  const test = data.digits({ seed: 2, count: 1000 });
  const { accuracy } = await evaluate(model, test, { loss: nn.crossEntropy, metrics: ['accuracy'] });
  expect(accuracy).toBeGreaterThan(0.95);
}, 60_000);

test('a model with dropout learns the digits too, better without it switched on', async () => {
  class Net extends nn.Module implements nn.Layer {
    readonly layers = nn.sequential(
      new nn.Flatten(),
      new nn.Linear(784, 64),
      new nn.ReLU(),
      new nn.Dropout(0.4),
      new nn.Linear(64, 10),
    );
    forward(x: Tensor): Tensor {
      return this.layers.forward(x);
    }
  }
  seed(2);
  const model = new Net();
  const train = data.digits({ seed: 1, count: 3000 });
  const { epochs } = await fit(model, {
    train,
    batch: 32,
    epochs: 5,
    loss: nn.crossEntropy,
    optimizer: new optim.Adam(model.parameters(), { lr: 2e-3 }),
    metrics: ['accuracy'],
    seed: 1,
  });
  const { loss = NaN, accuracy = NaN } = epochs.at(-1)?.figures ?? {};
  expect(loss).toBeLessThan(1);
  const whole = await evaluate(model, train, { loss: nn.crossEntropy, metrics: ['accuracy'] });
  expect(whole['accuracy']).toBeGreaterThan(0.85);
  expect(whole['accuracy']).toBeGreaterThan(accuracy);
}, 60_000);
