// Losses against their formulas in plain numbers, their gradients against differences.
import { grad, logSoftmax, nn, ShapeError, tensor, ValueError } from 'hebb';
import type { Tensor } from 'hebb';

const output = [-2, -0.3, 0, 0.4, 1.5, 9];
const target = [1, 0, 0.5, 0.25, 1, 0];

type Loss = (z: Tensor, t: Tensor, options?: nn.LossOptions) => Tensor;

const losses: Record<string, [Loss, (z: number, t: number) => number]> = {
  mseLoss: [nn.mseLoss, (z, t) => (z - t) ** 2],
  l1Loss: [nn.l1Loss, (z, t) => Math.abs(z - t)],
  huberLoss: [nn.huberLoss, (z, t) => (Math.abs(z - t) < 1 ? (z - t) ** 2 / 2 : Math.abs(z - t) - 0.5)],
  bceWithLogits: [nn.bceWithLogits, (z, t) => Math.max(z, 0) - z * t + Math.log1p(Math.exp(-Math.abs(z)))],
};

describe.each(Object.entries(losses))('%s', (name, [loss, formula]) => {
  const each = output.map((z, i) => formula(z, target[i] ?? NaN));
  const sum = each.reduce((a, b) => a + b, 0);

  test('is its formula, as mean, sum and element by element', () => {
    const [z, t] = [tensor(output), tensor(target)];
    expect(loss(z, t).itemSync()).toBeCloseTo(sum / output.length, 5);
    expect(loss(z, t, { reduction: 'sum' }).itemSync()).toBeCloseTo(sum, 4);
    [...loss(z, t, { reduction: 'none' }).readSync()].forEach((value, i) =>
      expect(Number(value)).toBeCloseTo(each[i] ?? NaN, 4),
    );
  });

  test('has the gradient of its formula', () => {
    const z = tensor(output, { dtype: 'f64' });
    const t = tensor(target, { dtype: 'f64' });
    const slopes = grad((x: Tensor) => loss(x, t, { reduction: 'sum' }))(z).readSync();
    output.forEach((x, i) => {
      const y = target[i] ?? NaN;
      const slope = (formula(x + 1e-6, y) - formula(x - 1e-6, y)) / 2e-6;
      expect(Number(slopes[i])).toBeCloseTo(slope, 5);
    });
  });

  test('refuses other shapes and reductions', () => {
    expect(() => loss(tensor([[1], [2]]), tensor([1, 2]))).toThrow(
      new ShapeError(name, 'output has shape [2, 1], target [2]; use the same'),
    );
    expect(() => loss(tensor([1]), tensor([1]), { reduction: 'all' as 'sum' })).toThrow(
      new ValueError(name, `reduction must be 'mean', 'sum' or 'none', got "all"`),
    );
  });
});

test('bceWithLogits stays finite for large logits', () => {
  const z = tensor([-1000, 1000]);
  expect([...nn.bceWithLogits(z, tensor([1, 1]), { reduction: 'none' }).readSync()]).toEqual([1000, 0]);
});

describe('bceLoss', () => {
  const p = [0.1, 0.5, 0.9, 0.3];
  const t = [0, 1, 0.75, 1];
  const formula = (x: number, y: number): number => -(y * Math.log(x) + (1 - y) * Math.log(1 - x));
  const each = p.map((x, i) => formula(x, t[i] ?? NaN));
  const sum = each.reduce((a, b) => a + b, 0);

  test('is its formula, and its gradient the slope of it', () => {
    const target = tensor(t, { dtype: 'f64' });
    expect(nn.bceLoss(tensor(p), tensor(t)).itemSync()).toBeCloseTo(sum / p.length, 6);
    expect(nn.bceLoss(tensor(p), tensor(t), { reduction: 'sum' }).itemSync()).toBeCloseTo(sum, 6);
    const losses = nn.bceLoss(tensor(p), tensor(t), { reduction: 'none' }).readSync();
    expect(Array.from(losses, Number)).toEqual(each.map(x => expect.closeTo(x, 6) as number));
    const slopes = grad((x: Tensor) => nn.bceLoss(x, target, { reduction: 'sum' }))(
      tensor(p, { dtype: 'f64' }),
    );
    const want = p.map((x, i) => (x - (t[i] ?? NaN)) / (x * (1 - x)));
    expect(Array.from(slopes.readSync(), Number)).toEqual(want.map(x => expect.closeTo(x, 9) as number));
  });

  test('is at most 100 for a wrong certainty, with a gradient that is finite', () => {
    const certain = tensor([0, 1, 0, 1, 1e-60], { dtype: 'f64' });
    const target = tensor([1, 0, 0, 1, 1], { dtype: 'f64' });
    const losses = nn.bceLoss(certain, target, { reduction: 'none' }).readSync();
    expect(Array.from(losses, Number).map(x => x + 0)).toEqual([100, 100, 0, 0, 100]);
    const slopes = grad((x: Tensor) => nn.bceLoss(x, target))(certain).readSync();
    expect(Array.from(slopes, Number).every(Number.isFinite)).toBe(true);
  });

  test('shows NaN, and refuses other shapes', () => {
    expect(nn.bceLoss(tensor([NaN]), tensor([0])).itemSync()).toBeNaN();
    expect(nn.bceLoss(tensor([-0.5]), tensor([1])).itemSync()).toBeNaN();
    expect(() => nn.bceLoss(tensor([[1], [2]]), tensor([1, 2]))).toThrow(
      new ShapeError('bceLoss', 'output has shape [2, 1], target [2]; use the same'),
    );
  });
});

test('huberLoss meets at delta', () => {
  const loss = nn.huberLoss(tensor([3, 0.5]), tensor([0, 0]), { delta: 2, reduction: 'none' });
  expect([...loss.readSync()]).toEqual([4, 0.125]);
  expect(() => nn.huberLoss(tensor([1]), tensor([1]), { delta: 0 })).toThrow(
    /^huberLoss: delta is 0; use a number above 0$/,
  );
});

test('nllLoss of a log-softmax is the cross-entropy', () => {
  const logits = tensor([
    [1, 2, 3],
    [0, -1, 5],
  ]);
  const ids = tensor([2, 0], { dtype: 'i32' });
  const log = logSoftmax(logits);
  expect(nn.nllLoss(log, ids).itemSync()).toBeCloseTo(nn.crossEntropy(logits, ids).itemSync(), 5);
  expect(nn.nllLoss(log, ids, { reduction: 'none' }).shape).toEqual([2]);
  expect(() => nn.nllLoss(log, tensor([0], { dtype: 'i32' }))).toThrow(
    /^nllLoss: log-probabilities have shape \[2, 3\], target \[1\]; use \[\.\.\., classes\] and \[\.\.\.\]$/,
  );
});
