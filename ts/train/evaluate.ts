// evaluate(): loss and metrics of a model over a data set.
import { noGrad } from '../autograd';
import type { Dataset } from '../data/dataset';
import { loader } from '../data/loader';
import { checkOptions } from '../handle';
import { scope } from '../scope';
import type { Tensor } from '../tensor';
import { checkDataset } from './check';
import { lossOf, packed, resolveMeasures, unpacked } from './measure';
import type { Loss, Metric, Trainable } from './model';
import { keepModes, placeOf, Totals } from './model';

/** What evaluate is told. */
export interface EvaluateOptions {
  readonly loss: Loss;
  readonly metrics?: readonly Metric[];
  /** Samples at once, 256 unless said; the figures do not depend on it but for rounding. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
  /** Sees every batch's output, which is freed afterwards. */
  readonly onBatch?: (output: Tensor, target: Tensor) => void | Promise<void>;
}

const options = ['loss', 'metrics', 'batch', 'signal', 'onBatch'];

/**
 * The mean loss and metrics over the samples, in evaluation mode and without gradients; the model's mode is restored.
 * Rejects with the signal's reason when aborted, with ValueError for options that are missing or unknown.
 *
 * @example
 * const { loss, accuracy } = await evaluate(model, test, { loss: nn.crossEntropy, metrics: ['accuracy'] });
 */
export async function evaluate(
  model: Trainable,
  dataset: Dataset,
  given: EvaluateOptions,
): Promise<Record<string, number>> {
  checkOptions('evaluate', given, options);
  checkDataset('evaluate', 'the data set', dataset);
  const { loss, batch = 256, signal, onBatch } = given;
  const measures = resolveMeasures('evaluate', loss, given.metrics);
  const totals = new Totals();
  const restore = keepModes(model);
  model.train(false);
  try {
    for await (const { x, target } of loader(dataset, { batch, ...placeOf(model) })) {
      signal?.throwIfAborted();
      const [figures, output] = scope(() =>
        noGrad(() => {
          const y = model.forward(x);
          return [
            packed('evaluate', measures, lossOf('evaluate', measures, y, target), [y, target]),
            y,
          ] as const;
        }),
      );
      try {
        await onBatch?.(output, target);
        totals.add(x.shape[0] ?? 0, unpacked(measures, (await figures.read()) as Float32Array));
      } finally {
        figures.dispose();
        output.dispose();
      }
    }
  } finally {
    restore();
  }
  return totals.means();
}
