// The same seed gives the same bits: losses and weights, on one thread and on two.
import { data, fit, models, nn, optim, seed, setThreads, threads } from 'hebb';
import { weights } from './problem';

async function run(threadCount: number, seedValue: number): Promise<[readonly number[], number[]]> {
  setThreads(threadCount);
  seed(seedValue);
  const model = new models.LeNet({ channels: [8, 16], hidden: [32], dropout: 0.2 });
  const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3 });
  const { losses } = await fit(model, {
    train: data.digits({ seed: 1, count: 1650 }),
    batch: 16,
    epochs: 2,
    loss: nn.crossEntropy,
    optimizer,
    metrics: ['accuracy'],
    seed: seedValue,
  });
  return [losses, await weights(model)];
}

test('200 steps of a convnet, bit for bit', async () => {
  const usual = threads();
  try {
    const [losses, first] = await run(1, 7);
    expect(losses.length).toBe(208);
    for (const count of [1, 2, 3]) {
      const [again, other] = await run(count, 7);
      expect(again).toEqual(losses);
      expect(other).toEqual(first);
    }
    const [different] = await run(2, 8);
    expect(different[0]).not.toBe(losses[0]);
  } finally {
    setThreads(usual);
  }
}, 60_000);
