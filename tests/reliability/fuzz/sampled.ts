// Calls that begin as a sample of an op, which works, and have a few things changed: they reach the kernels and the gradients.
import * as hebb from '../../../ts';
import { kHandle } from '../../../ts/handle';
import { native } from '../../../ts/native';
import type { ArgSchema } from '../../../ts/native';
import { callOp, entries, isOption, positional } from '../../ops/matrix-catalog';
import { isInput } from '../../ops/matrix-draw';
import type { Case, Input } from '../../ops/sample';
import type { Call } from './calls';
import { argument, dtypes } from './values';
import type { Dice, Held } from './values';

const listed = entries.flatMap(({ op, samples }) => samples.cases.map(sample => ({ op, sample })));

const largest = 4096;

// The same kind of numbers in a shape that may have one extent changed.
function drawn(dice: Dice, input: Input): hebb.Tensor {
  const shape = input.shape.map(extent => (dice.chance(0.03) ? dice.of([0, 1, 2, 3, 5, 17]) : extent));
  const size = shape.reduce((product, extent) => product * extent, 1);
  const [low, high] = input.high > input.low ? [input.low, input.high] : [-2, 2];
  const numbers = Float64Array.from({ length: Math.min(size, largest ** 2) }, (_, i) => {
    const number = input.values?.[i] ?? low + dice.roll() * (high - low);
    return input.kind === 'ints' || input.kind === 'bools' ? Math.floor(number) : number;
  });
  const fixed = dtypes.find(name => name === input.dtype);
  const dtype = dice.chance(0.05)
    ? dice.of(dtypes)
    : (fixed ?? dice.of(['f32', 'f32', 'f32', 'f64', 'f16', 'bf16'] as const));
  const flat = hebb.tensor(numbers, { shape });
  const made = hebb.cast(flat, dtype);
  return dice.chance(0.1) && made.rank > 1 ? hebb.contiguous(made.transpose()).transpose() : made;
}

// What a call made for itself, to be freed after it.
interface Made {
  readonly tensors: hebb.Tensor[];
  readonly states: hebb.State[];
}

function asState(dice: Dice, x: hebb.Tensor, made: Made): hebb.State {
  const cell = hebb.state(x, {
    requiresGrad: ['f32', 'f64', 'f16', 'bf16'].includes(x.dtype) && dice.chance(0.8),
  });
  made.states.push(cell);
  return cell;
}

function filled(dice: Dice, arg: ArgSchema, value: Case['args'][number], made: Made): unknown {
  const one = (input: Input): unknown => {
    const x = hebb.scope(() => drawn(dice, input));
    made.tensors.push(x);
    return arg.kind === 'states' || dice.chance(0.4) ? asState(dice, x, made) : x;
  };
  if (isInput(value)) return one(value);
  return Array.isArray(value) ? value.map((item: unknown) => (isInput(item) ? one(item) : item)) : value;
}

// The walk back, twice at times.
function walk(dice: Dice, result: unknown): void {
  const first: unknown = Array.isArray(result) ? result[0] : result;
  if (!hebb.isTensor(first) || !first.requiresGrad) return;
  const loss = first.sum();
  const createGraph = dice.chance(0.2);
  loss.backward({ createGraph });
  if (createGraph) loss.backward();
}

export function sampledCall(dice: Dice, held: Held): Call {
  const { op, sample } = dice.of(listed);
  const order = positional(op);
  const made: Made = { tensors: [], states: [] };
  const changed = dice.chance(0.5) ? dice.below(op.args.length) : -1;
  const args = order.map((arg, i) =>
    op.args[changed] === arg ? argument(dice, arg, held) : filled(dice, arg, sample.args[i], made),
  );
  const options: Record<string, unknown> = { ...sample.options };
  const optional = op.args.filter(isOption);
  for (const arg of optional) {
    if (op.args[changed] === arg || dice.chance(0.05)) options[arg.name] = argument(dice, arg, held);
  }
  if (optional.length > 0) args.push(options);
  const run = (): unknown => {
    try {
      return hebb.scope(() => {
        const result = callOp(op.name === 'var' ? 'var_' : op.name, args);
        if (dice.chance(0.5)) walk(dice, result);
        return result;
      });
    } finally {
      for (const x of made.tensors) x.dispose();
      for (const cell of made.states) native.dispose(cell[kHandle]);
    }
  };
  return { name: `sampled.${op.name}`, args, run };
}
