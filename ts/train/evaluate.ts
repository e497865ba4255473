// evaluate(): loss and metrics of a model over a data set.
import { noGrad } from '../autograd';
import type { Dataset } from '../data/dataset';
import { loader } from '../data/loader';
import { scope } from '../scope';
import type { Tensor } from '../tensor';
import { packed, resolveMetrics, unpacked } from './measure';
import type { Loss, Metric, Trainable } from './model';
import { Totals } from './model';

/** What evaluate is told. */
export interface EvaluateOptions {
  readonly loss: Loss;
  readonly metrics?: readonly Metric[];
  readonly batch?: number;
  readonly signal?: AbortSignal;
  /** Sees every batch's output, which is freed afterwards. */
  readonly onBatch?: (output: Tensor, target: Tensor) => void | Promise<void>;
}

/**
 * The mean loss and metrics over the samples, in evaluation mode and without gradients; the model's mode is restored.
 * Rejects with the signal's reason when aborted.
 *
 * @example
 * const { loss, accuracy } = await evaluate(model, test, { loss: nn.crossEntropy, metrics: ['accuracy'] });
 */
export async function evaluate(
  model: Trainable,
  dataset: Dataset,
  options: EvaluateOptions,
): Promise<Record<string, number>> {
  const { loss, batch = 256, signal, onBatch } = options;
  const metrics = resolveMetrics('evaluate', options.metrics ?? []);
  const totals = new Totals();
  const training = model.training;
  model.train(false);
  try {
    for await (const { x, target } of loader(dataset, { batch })) {
      signal?.throwIfAborted();
      const [figures, output] = scope(() =>
        noGrad(() => {
          const y = model.forward(x);
          return [packed(loss(y, target), y, target, metrics), y] as const;
        }),
      );
      try {
        await onBatch?.(output, target);
        totals.add(x.shape[0] ?? 0, unpacked((await figures.read()) as Float32Array, metrics));
      } finally {
        figures.dispose();
        output.dispose();
      }
    }
  } finally {
    model.train(training);
  }
  return totals.means();
}
