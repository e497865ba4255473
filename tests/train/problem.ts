// Small training problems for the tests of fit and evaluate.
import { data, nn, optim, seed } from 'hebb';
import type { Tensor } from 'hebb';

/** Points of three classes, `count` of them, cut apart by two lines. */
export function points(count: number, seedValue = 1): data.ArrayDataset {
  const random = new Float32Array(2 * count);
  let word = seedValue;
  for (let i = 0; i < random.length; i++) {
    // A linear congruential generator: good enough to scatter points.
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
    random[i] = word / 2 ** 31 - 1;
  }
  const target = Int32Array.from({ length: count }, (_, i) => {
    const [x, y] = [random[2 * i] ?? 0, random[2 * i + 1] ?? 0];
    return x + y > 0.4 ? 2 : x - y > 0 ? 1 : 0;
  });
  return new data.ArrayDataset({ x: { data: random, shape: [2] }, target: { data: target, shape: [] } });
}

/** Two layers with dropout in between, weights from `seedValue`. */
export class Small extends nn.Module implements nn.Layer {
  readonly layers: nn.Sequential;

  constructor(seedValue = 1, dropout = 0.1) {
    super();
    seed(seedValue);
    this.layers = nn.sequential(
      new nn.Linear(2, 16),
      new nn.Tanh(),
      new nn.Dropout(dropout),
      new nn.Linear(16, 3),
    );
  }

  forward(x: Tensor): Tensor {
    return this.layers.forward(x);
  }
}

export const adam = (model: nn.Module, lr = 0.02): optim.AdamW => new optim.AdamW(model.parameters(), { lr });

/** All weights of a model, one after another. */
export async function weights(model: nn.Module): Promise<number[]> {
  const parts = await Promise.all(model.parameters().map(param => param.read()));
  return parts.flatMap(part => Array.from(part as Float32Array));
}
