// summary(): the layers of a model with their output shapes and parameter counts, as a table.
import { noGrad } from '../autograd';
import { itemSize } from '../bytes';
import { ShapeError, ValueError } from '../errors';
import { checkOptions } from '../handle';
import type { DType } from '../host';
import type { Module } from '../nn';
import { full } from '../ops.gen';
import { scope } from '../scope';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { table } from '../text-table';

/** What a summary needs beside the model. */
export interface SummaryOptions {
  /** The shape of one input without the batch; output shapes are shown where it is given. */
  readonly input?: readonly number[];
  /** The dtype of the input, f32 unless said. */
  readonly dtype?: DType;
}

type Callable = Module & { forward?: (x: Tensor) => Tensor };
type Named = [path: string, module: Callable];

const sizeOf = (states: readonly State[]): number => states.reduce((sum, { size }) => sum + size, 0);
const counted = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',');
const named = (shape: readonly number[]): string => `[${['batch', ...shape.slice(1)].join(', ')}]`;

// The states of a module that belong to no module inside it.
function ownStates(module: Module): State[] {
  const inner = module
    .namedModules()
    .map(([name]) => name)
    .filter(name => name !== '');
  return module
    .namedStates()
    .filter(([name]) => !inner.some(prefix => name.startsWith(`${prefix}.`)))
    .map(([, state]) => state);
}

// Runs the model once on zeros, with every shown module's forward replaced by one that notes the shape of its result.
function outputShapes(
  model: Callable,
  shown: readonly Named[],
  options: SummaryOptions,
): Map<Module, string> {
  const { input = [], dtype = 'f32' } = options;
  if (typeof model.forward !== 'function')
    throw new ValueError('summary', 'the model has no forward(x); leave out input');
  if (!input.every(extent => Number.isSafeInteger(extent) && extent >= 0)) {
    throw new ShapeError('summary', `input is [${input.join(', ')}]; use integers of 0 and more`);
  }
  const shapes = new Map<Module, string>();
  const modes = model.modules().map(module => [module, module.training] as const);
  const undo: (() => void)[] = [];
  model.train(false);
  try {
    for (const [, module] of shown) {
      const { forward } = module;
      if (typeof forward !== 'function') continue;
      const isOwn = Object.hasOwn(module, 'forward');
      undo.push(() => (isOwn ? (module.forward = forward) : delete module.forward));
      module.forward = x => {
        const y = forward.call(module, x);
        shapes.set(module, named(y.shape));
        return y;
      };
    }
    scope(() => noGrad(() => void model.forward?.(full([1, ...input], 0, { dtype }))));
  } finally {
    for (const restore of undo) restore();
    for (const [module, training] of modes) if (module.training !== training) module.train(training);
  }
  return shapes;
}

/**
 * A table of the modules that have no others inside, or states of their own: path, kind, output shape, values in their
 * states; then the totals. Throws what the model throws for that input.
 *
 * @example
 * summary(nn.sequential(new nn.Flatten(), new nn.Linear(784, 10)), { input: [28, 28, 1] });
 * // layer  kind     output        parameters
 * // ─────  ───────  ────────────  ──────────
 * // 0      Flatten  [batch, 784]           0
 * // 1      Linear   [batch, 10]        7,850
 * // 7,850 parameters, 30.7 KiB
 */
export function summary(model: Module, options: SummaryOptions = {}): string {
  checkOptions('summary', options, ['input', 'dtype']);
  const own = new Map(model.namedModules().map(([, module]) => [module, ownStates(module)]));
  const shown = model
    .namedModules()
    .filter(([, module]) => module.modules().length === 1 || (own.get(module)?.length ?? 0) > 0);
  const shapes = options.input === undefined ? undefined : outputShapes(model, shown, options);
  const rows = shown.map(([path, module]) => [
    path || '(model)',
    module.constructor.name,
    ...(shapes === undefined ? [] : [shapes.get(module) ?? '']),
    counted(sizeOf(own.get(module) ?? [])),
  ]);
  const head = ['layer', 'kind', ...(shapes === undefined ? [] : ['output']), 'parameters'];
  const states = model.namedStates().map(([, state]) => state);
  const fixed = sizeOf(states.filter(state => !state.requiresGrad));
  const fixedText = fixed > 0 ? `, ${counted(fixed)} of them not trained` : '';
  const bytes = states.reduce((sum, { size, dtype }) => sum + size * itemSize(dtype), 0);
  const lines = table(rows, { head, left: shapes === undefined ? [0, 1] : [0, 1, 2] });
  return `${lines}\n${counted(sizeOf(states))} parameters${fixedText}, ${(bytes / 1024).toFixed(1)} KiB`;
}
