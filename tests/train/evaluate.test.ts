// evaluate: means over samples, modes given back, nothing left behind.
import { data, evaluate, memory, nn, tensor, ValueError } from 'hebb';
import type { EvaluateOptions, Tensor } from 'hebb';
import { collectGarbage } from '../tensor/garbage';
import { points, Small } from './problem';

const options = (more: Partial<EvaluateOptions> = {}): EvaluateOptions => ({
  loss: nn.crossEntropy,
  ...more,
});

test('means count every sample once, whatever the batch', async () => {
  const model = new Small();
  const set = points(37);
  const whole = await evaluate(model, set, options({ batch: 37, metrics: ['accuracy'] }));
  const parts = await evaluate(model, set, options({ batch: 5, metrics: ['accuracy'] }));
  expect(Object.keys(whole)).toEqual(['loss', 'accuracy']);
  expect(parts['loss']).toBeCloseTo(whole['loss'] ?? NaN, 6);
  expect(parts['accuracy']).toBeCloseTo(whole['accuracy'] ?? NaN, 6);
  expect((whole['accuracy'] ?? NaN) * 37).toBeCloseTo(Math.round((whole['accuracy'] ?? NaN) * 37), 4);
});

test('accuracy of known outputs', async () => {
  const echo = { training: false, train: () => undefined, forward: (x: Tensor) => x };
  const x = { data: Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1), shape: [2] };
  const target = { data: Int32Array.of(0, 1, 1, 1), shape: [] };
  const figures = await evaluate(
    echo,
    new data.ArrayDataset({ x, target }),
    options({ metrics: ['accuracy'] }),
  );
  const [right, wrong] = [Math.log(1 + Math.exp(-1)), Math.log(1 + Math.exp(1))];
  expect(figures['accuracy']).toBe(0.75);
  expect(figures['loss']).toBeCloseTo((3 * right + wrong) / 4, 6);
});

test('the modes are those of before, after a failure too; no gradient is recorded', async () => {
  const model = new Small(1, 0.5);
  model.layers.train(false);
  const seen: boolean[] = [];
  const onBatch = (output: Tensor): void => void seen.push(model.training, output.requiresGrad);
  await evaluate(model, points(3), options({ onBatch }));
  expect(seen).toEqual([false, false]);
  expect([model.training, model.layers.training]).toEqual([true, false]);
  const fails = (): never => {
    throw new RangeError('mine');
  };
  await expect(evaluate(model, points(3), options({ onBatch: fails }))).rejects.toThrow(
    new RangeError('mine'),
  );
  await expect(evaluate(model, points(3), options({ loss: fails }))).rejects.toThrow(new RangeError('mine'));
  expect([model.training, model.layers.training]).toEqual([true, false]);
});

test('batches are seen in order and freed afterwards', async () => {
  const model = new Small();
  await collectGarbage();
  const before = memory().liveTensors;
  const kept: Tensor[] = [];
  const sizes: (readonly number[])[] = [];
  await evaluate(model, points(10), {
    loss: nn.crossEntropy,
    batch: 4,
    onBatch: async (output, target) => {
      await output.read();
      kept.push(output, target);
      sizes.push(output.shape, target.shape);
    },
  });
  expect(sizes).toEqual([[4, 3], [4], [4, 3], [4], [2, 3], [2]]);
  expect(kept.every(value => value.isDisposed)).toBe(true);
  expect(memory().liveTensors).toBeLessThanOrEqual(before);
});

test('a signal ends it with its reason', async () => {
  const controller = new AbortController();
  const onBatch = (): void => controller.abort(new RangeError('mine'));
  const run = evaluate(new Small(), points(10), options({ batch: 2, onBatch, signal: controller.signal }));
  await expect(run).rejects.toThrow(new RangeError('mine'));
});

test('refuses what makes no sense', async () => {
  const model = new Small();
  const anything = evaluate as (...args: unknown[]) => Promise<unknown>;
  await expect(anything(model, points(2), { ...options(), metric: [] })).rejects.toThrow(
    new ValueError('evaluate', 'has no option metric; use loss, metrics, batch, signal, onBatch'),
  );
  await expect(anything(model, [1], options())).rejects.toThrow(
    'evaluate: the data set is [ 1 ]; give a data set',
  );
  await expect(anything(model, points(2), options({ batch: 0 }))).rejects.toThrow('batch is 0');
  await expect(anything(model, points(2), {})).rejects.toThrow(
    'evaluate: loss is undefined; give a function',
  );
  const wide = (): Tensor => tensor([1, 2]);
  await expect(anything(model, points(2), { loss: wide })).rejects.toThrow(
    'evaluate: loss has shape [2]; return a tensor of one element',
  );
});
