// summary(): the layers of a model with their output shapes and parameter counts, as a table.
import { noGrad } from '../autograd';
import { ValueError } from '../errors';
import type { Module } from '../nn';
import { full } from '../ops.gen';
import { scope } from '../scope';
import type { Tensor } from '../tensor';
import { table } from './terminal';

/** What a summary needs beside the model. */
export interface SummaryOptions {
  /** The shape of one input without the batch; output shapes are shown where it is given. */
  readonly input?: readonly number[];
}

type Forward = (x: Tensor) => Tensor;
type Callable = Module & { forward?: Forward };

const count = (module: Module): number => module.parameters().reduce((sum, p) => sum + p.size, 0);

// Runs the model once with every leaf's forward replaced by one that notes the shape of its result.
function outputShapes(
  model: Callable,
  leaves: readonly Callable[],
  input: readonly number[],
): Map<Module, string> {
  const shapes = new Map<Module, string>();
  if (model.forward === undefined)
    throw new ValueError('summary', 'the model has no forward method; give one');
  const training = model.training;
  model.train(false);
  try {
    for (const leaf of leaves) {
      const forward = leaf.forward?.bind(leaf);
      if (forward === undefined) continue;
      leaf.forward = x => {
        const y = forward(x);
        shapes.set(
          leaf,
          `[batch${y.shape
            .slice(1)
            .map(extent => `, ${extent}`)
            .join('')}]`,
        );
        return y;
      };
    }
    const run = model.forward.bind(model);
    scope(() => noGrad(() => void run(full([1, ...input], 0))));
  } finally {
    for (const leaf of leaves) delete leaf.forward;
    model.train(training);
  }
  return shapes;
}

/**
 * A table of the leaf modules: path, kind, output shape, parameters; then the totals.
 *
 * @example
 * console.log(summary(new LeNet(), { input: [28, 28, 1] }));
 */
export function summary(model: Module, options: SummaryOptions = {}): string {
  const named = [...model.namedModules()];
  const leaves = named.filter(([, module]) => [...module.namedModules()].length === 1);
  const shapes =
    options.input === undefined
      ? undefined
      : outputShapes(
          model,
          leaves.map(([, module]) => module),
          options.input,
        );
  const rows = leaves.map(([path, module]) => [
    path || '(model)',
    module.constructor.name,
    ...(shapes === undefined ? [] : [shapes.get(module) ?? '']),
    count(module).toLocaleString('en-US'),
  ]);
  const trainable = model.parameters().filter(p => p.requiresGrad);
  const total = count(model);
  const bytes = model.parameters().reduce((sum, p) => sum + p.size * 4, 0);
  const head = ['layer', 'kind', ...(shapes === undefined ? [] : ['output']), 'parameters'];
  const frozen = total - trainable.reduce((sum, p) => sum + p.size, 0);
  const frozenText = frozen > 0 ? `, ${frozen.toLocaleString('en-US')} of them frozen` : '';
  return `${table([head, ...rows])}\n${total.toLocaleString('en-US')} parameters${frozenText}, ${(bytes / 1024).toFixed(1)} KiB`;
}
