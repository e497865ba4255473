// Loss and metrics of a batch as one small tensor, so that a step is read with one wait.
import { inspect } from 'node:util';
import { ShapeError, ValueError } from '../errors';
import { accuracy } from '../metrics/accuracy';
import { cast, reshape, stack } from '../ops.gen';
import { isTensor } from '../tensor';
import type { Tensor } from '../tensor';
import type { Loss, Metric } from './model';

const known: Readonly<Record<string, Loss>> = { accuracy };

/** What is measured for each batch: the loss, then the metrics, by name. */
export type Measures = readonly (readonly [name: string, compute: Loss])[];

/** Throws ValueError for a loss that is no function and a metric that is unknown or whose name is taken. */
export function resolveMeasures(op: string, loss: Loss, metrics: readonly Metric[] = []): Measures {
  if (typeof loss !== 'function') {
    throw new ValueError(op, `loss is ${inspect(loss, { depth: 0 })}; give a function of output and target`);
  }
  const measures = new Map<string, Loss>([['loss', loss]]);
  for (const metric of metrics) {
    const [name, compute] =
      typeof metric === 'string' ? [metric, known[metric]] : [metric.name, metric.compute];
    if (typeof compute !== 'function') {
      const names = Object.keys(known).map(each => `'${each}'`);
      throw new ValueError(op, `no metric ${inspect(name)}; use ${names.join(', ')} or { name, compute }`);
    }
    if (measures.has(name))
      throw new ValueError(op, `two figures are called ${inspect(name)}; use other names`);
    measures.set(name, compute);
  }
  return [...measures];
}

function checkOne(op: string, name: string, value: unknown): Tensor {
  if (!isTensor(value)) {
    throw new ValueError(op, `${name} gave ${inspect(value, { depth: 0 })}; return a tensor of one element`);
  }
  if (value.size === 1) return value;
  throw new ShapeError(op, `${name} has shape [${value.shape.join(', ')}]; return a tensor of one element`);
}

/** The loss of a batch, checked to be one number. */
export function lossOf(op: string, measures: Measures, output: Tensor, target: Tensor): Tensor {
  return checkOne(op, 'loss', measures[0]?.[1](output, target));
}

/** [loss, ...metrics] of a batch as one f32 tensor; `loss` is what `lossOf` gave. */
export function packed(
  op: string,
  measures: Measures,
  loss: Tensor,
  pair: readonly [Tensor, Tensor],
): Tensor {
  const [output, target] = [pair[0].detach(), pair[1]];
  const metrics = measures.slice(1).map(([name, compute]) => checkOne(op, name, compute(output, target)));
  return stack([loss, ...metrics].map(value => reshape(cast(value.detach(), 'f32'), [])));
}

/** The numbers of `packed` under their names. */
export function unpacked(measures: Measures, values: ArrayLike<number>): Map<string, number> {
  return new Map(measures.map(([name], i) => [name, Number(values[i])]));
}
