// Loss and metrics of a batch as one small tensor, so that a step is read with one wait.
import { ValueError } from '../errors';
import { argmax, cast, equal, reshape, stack } from '../ops.gen';
import type { Tensor } from '../tensor';
import type { Loss, Metric } from './model';

const accuracy: Loss = (output, target) => cast(equal(argmax(output, { axis: -1 }), target), 'f32').mean();

const known: Readonly<Record<string, Loss>> = { accuracy };

/** The names of the metrics and how each is computed; throws ValueError for an unknown name. */
export function resolveMetrics(op: string, metrics: readonly Metric[]): [string, Loss][] {
  return metrics.map(metric => {
    if (typeof metric !== 'string') return [metric.name, metric.compute];
    const compute = known[metric];
    if (compute === undefined) {
      throw new ValueError(
        op,
        `no metric '${String(metric)}'; use ${Object.keys(known).join(', ')} or { name, compute }`,
      );
    }
    return [metric, compute];
  });
}

/** [loss, ...metrics] as one f32 tensor. */
export function packed(
  loss: Tensor,
  output: Tensor,
  target: Tensor,
  metrics: readonly [string, Loss][],
): Tensor {
  const values = [loss, ...metrics.map(([, compute]) => compute(output, target))];
  return stack(values.map(value => reshape(cast(value.detach(), 'f32'), [])));
}

/** The numbers of `packed` under their names. */
export function unpacked(values: ArrayLike<number>, metrics: readonly [string, Loss][]): Map<string, number> {
  return new Map(['loss', ...metrics.map(([name]) => name)].map((name, i) => [name, Number(values[i])]));
}
