// One training eagerly or compiled, for tests that compare both.
import { compile, nn } from 'hebb';
import type { Step, Tensor } from 'hebb';
import { scope } from '../../ts/scope';

export const numbers = async (x: { read(): Promise<unknown> }): Promise<number[]> => [
  ...((await x.read()) as Float32Array),
];

export interface Trained {
  readonly losses: number[];
  readonly weights: number[][];
  readonly step: Step<[Tensor, Tensor], Tensor>;
}

/** The losses of `steps` steps of a classifier on one batch, and its weights behind them. */
export async function trained(
  compiled: boolean,
  model: nn.Module & nn.Layer,
  optimizer: { step(): void },
  [x, target]: readonly [Tensor, Tensor],
  steps: number,
): Promise<Trained> {
  const body = (input: Tensor, ids: Tensor): Tensor => {
    const loss = nn.crossEntropy(model.forward(input), ids);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const step = compile(body);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const loss = compiled ? await step(x, target) : scope(() => body(x, target));
    losses.push(await loss.item());
  }
  return { losses, weights: await Promise.all(model.parameters().map(numbers)), step };
}
