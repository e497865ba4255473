// What the fuzzer calls: every op of the registry, by three doors, and the rest of the library.
import * as hebb from '../../../ts';
import { kHandle } from '../../../ts/handle';
import { native } from '../../../ts/native';
import type { ArgSchema, OpSchema } from '../../../ts/native';
import { sampledCall } from './sampled';
import { argument, dtypes, number, options, wholeList, wild } from './values';
import type { Dice, Held } from './values';

/** One call, described before it is made. */
export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly run: () => unknown;
}

export const schema: readonly OpSchema[] = native.schema();

const library: Readonly<Record<string, unknown>> = { ...hebb };

const isTensorKind = ({ kind }: ArgSchema): boolean =>
  ['tensor', 'tensor?', 'tensors', 'value', 'states'].includes(kind);
const isOption = (arg: ArgSchema): boolean => !isTensorKind(arg) && arg.fallback !== undefined;

function raw(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value as readonly unknown[], raw);
  return typeof value === 'object' && value !== null && kHandle in value ? value[kHandle] : value;
}

// The native function itself, which the declared one may protect from some of this.
function nativeCall(op: OpSchema, dice: Dice, held: Held): Call {
  const made = op.args.map(arg => argument(dice, arg, held));
  const args = dice.chance(0.03) ? made.slice(0, dice.below(made.length + 1)) : made;
  const target: unknown = native.ops[op.name];
  const run = (): unknown => {
    if (typeof target !== 'function') throw new Error(`no native op ${op.name}`);
    let handles: unknown[];
    try {
      handles = args.map(raw);
    } catch {
      handles = [...args];
    }
    const result: unknown = Reflect.apply(target, undefined, handles);
    return Array.isArray(result) ? result.map(wrapped) : wrapped(result);
  };
  return { name: `native.${op.name}`, args, run };
}

const wrapped = (handle: unknown): unknown =>
  handle === undefined ? undefined : new hebb.Tensor(handle as ConstructorParameters<typeof hebb.Tensor>[0]);

function declaredCall(op: OpSchema, dice: Dice, held: Held): Call {
  const positional = [
    ...op.args.filter(isTensorKind),
    ...op.args.filter(arg => !isTensorKind(arg) && !isOption(arg)),
  ];
  const args = positional.map(arg => argument(dice, arg, held));
  const optional = op.args.filter(isOption);
  if (optional.length > 0 && dice.chance(0.8)) {
    const bag: Record<string, unknown> = {};
    for (const arg of optional) if (dice.chance(0.5)) bag[arg.name] = argument(dice, arg, held);
    args.push(dice.chance(0.04) ? wild(dice, held.tensors) : bag);
  }
  const [self, ...rest] = args;
  if (op.method && dice.chance(0.4) && held.tensors.includes(self)) {
    const method: unknown = Reflect.get(self as object, op.name);
    if (typeof method === 'function') {
      return { name: `tensor.${op.name}`, args, run: () => Reflect.apply(method, self, rest) as unknown };
    }
  }
  const target = library[op.name];
  return {
    name: op.name,
    args,
    run: () => {
      if (typeof target !== 'function') throw new Error(`no function ${op.name}`);
      return Reflect.apply(target, undefined, args) as unknown;
    },
  };
}

export function opCall(dice: Dice, held: Held): Call {
  const op = dice.of(schema);
  return dice.chance(0.4) ? nativeCall(op, dice, held) : declaredCall(op, dice, held);
}

// Functions that touch files or the network, loops for whole trainings, and what the fuzzer itself stands on.
const leftOut = [
  'io',
  'fashionMnist',
  'mnist',
  'readIdx',
  'setMemoryCap',
  'setThreads',
  'Tensor',
  'State',
  'scope',
  'noGrad',
];

function exportedFunctions(): [name: string, target: (...args: never[]) => unknown][] {
  const ops = new Set(schema.map(op => op.name));
  const found: [string, (...args: never[]) => unknown][] = [];
  const visit = (path: string, space: object): void => {
    for (const [name, value] of Object.entries(space) as [string, unknown][]) {
      if (ops.has(name) || name.endsWith('_') || leftOut.includes(name) || name.endsWith('Error')) continue;
      if (typeof value === 'function') found.push([`${path}${name}`, value as (...args: never[]) => unknown]);
      else if (typeof value === 'object' && value !== null) visit(`${path}${name}.`, value);
    }
  };
  visit('', hebb);
  return found;
}

const functions = exportedFunctions();

const optionNames = [
  ...[
    'bias',
    'padding',
    'stride',
    'dilation',
    'groups',
    'lr',
    'momentum',
    'betas',
    'eps',
    'weightDecay',
    'dtype',
  ],
  ...[
    'shape',
    'requiresGrad',
    'batch',
    'shuffle',
    'seed',
    'epochs',
    'loss',
    'optimizer',
    'train',
    'reduction',
    'wrt',
  ],
  ...[
    'weight',
    'ignoreIndex',
    'labelSmoothing',
    'title',
    'width',
    'height',
    'columns',
    'min',
    'max',
    'steps',
    'count',
  ],
];

const isClass = (name: string): boolean => /(^|\.)[A-Z]/.test(name);

function functionCall(dice: Dice, held: Held): Call {
  const [name, target] = dice.of(functions);
  const all = [...held.tensors, ...held.states];
  const args = dice.list(dice.below(4), () => {
    const kind = dice.below(6);
    if (kind === 0) return dice.of(all);
    if (kind === 1) return wholeList(dice);
    if (kind === 2) return options(dice, all, optionNames);
    if (kind === 3) return dice.below(9);
    return kind === 4 ? number(dice) : wild(dice, all);
  });
  const run = (): unknown => {
    const made: unknown = isClass(name)
      ? Reflect.construct(target, args)
      : Reflect.apply(target, undefined, args);
    if (typeof made === 'function')
      return Reflect.apply(made, undefined, [dice.of(all), dice.of(all)]) as unknown;
    if (
      typeof made !== 'object' ||
      made === null ||
      !('forward' in made) ||
      typeof made.forward !== 'function'
    )
      return made;
    return Reflect.apply(made.forward, made, [dice.of(all)]) as unknown;
  };
  return { name, args, run };
}

const methods = {
  tensor: [
    'read',
    'readSync',
    'item',
    'itemSync',
    'toArray',
    'detach',
    'backward',
    'shape',
    'size',
    'requiresGrad',
  ],
  state: ['assign', 'read', 'readSync', 'value', 'grad', 'grad=', 'requiresGrad=', 'version'],
};

function methodCall(dice: Dice, held: Held): Call {
  const kind = dice.chance(0.6) ? 'tensor' : 'state';
  const self = dice.of(kind === 'tensor' ? held.tensors : held.states);
  const name = dice.of(methods[kind]);
  const all = [...held.tensors, ...held.states];
  const backwardOptions = ['seed', 'keepGraph', 'createGraph'];
  const args =
    name === 'backward' && dice.chance(0.8)
      ? [dice.chance(0.5) ? {} : options(dice, all, backwardOptions)]
      : dice.list(dice.chance(0.9) ? 1 : 0, () => (dice.chance(0.5) ? dice.of(all) : wild(dice, all)));
  const run = (): unknown => {
    if (typeof self !== 'object' || self === null) return undefined;
    if (name.endsWith('=')) {
      Reflect.set(self, name.slice(0, -1), args[0], self);
      return undefined;
    }
    const value: unknown = Reflect.get(self, name, self);
    return typeof value === 'function' ? (Reflect.apply(value, self, args) as unknown) : value;
  };
  return { name: `${kind}.${name}`, args: [self, ...args], run };
}

// A few ops in a scope, recorded or not, under a callback that may throw in the middle.
function nestedCall(dice: Dice, held: Held): Call {
  const inner = dice.list(1 + dice.below(3), () => opCall(dice, held));
  const body = (): unknown => {
    const results = inner.map(call => call.run());
    return dice.chance(0.3) ? Promise.resolve(1) : results;
  };
  const around = dice.of(['scope', 'noGrad', 'grad', 'valueAndGrad'] as const);
  const summed = (x: hebb.Tensor): hebb.Tensor => {
    const result = dice.chance(0.2) ? x.sum() : body();
    const first: unknown = Array.isArray(result) ? result[0] : result;
    return first as hebb.Tensor;
  };
  const run = (): unknown => {
    if (around === 'scope') return hebb.scope(body);
    if (around === 'noGrad') return hebb.noGrad(body);
    const x = dice.of(held.tensors) as hebb.Tensor;
    return around === 'grad' ? hebb.grad(summed)(x) : hebb.valueAndGrad(summed)(x);
  };
  return { name: around, args: inner.flatMap(call => [call.name, ...call.args]), run };
}

// The native functions beside the ops, without the declared ones in front of them.
const doors = [
  ...[
    'create',
    'describe',
    'read',
    'readSync',
    'isDisposed',
    'detach',
    'stateCreate',
    'stateSnapshot',
    'stateAssign',
  ],
  ...[
    'stateGrad',
    'stateSetGrad',
    'stateSetRequiresGrad',
    'stateVersion',
    'backward',
    'gradients',
    'leaf',
    'counter',
  ],
  ...['memory', 'flush', 'onError', 'watch', 'seed', 'setCounter'],
];

function doorCall(dice: Dice, held: Held): Call {
  const name = dice.of(doors);
  const all = [...held.tensors, ...held.states];
  const first = name === 'create' ? dice.of(dtypes) : dice.of(all);
  const rest = dice.list(dice.below(5), () => {
    if (dice.chance(0.3)) return wholeList(dice);
    return dice.chance(0.3) ? new Float32Array(dice.below(8)) : wild(dice, all);
  });
  const usable = name === 'onError' || name === 'watch' ? [5, ...rest.slice(1)] : [first, ...rest];
  const args = dice.chance(0.8) ? usable : rest.filter(item => typeof item !== 'function');
  const run = (): unknown => {
    const target: unknown = Reflect.get(native, name);
    if (typeof target !== 'function') throw new Error(`no native function ${name}`);
    let handles: unknown[];
    try {
      handles = args.map(raw);
    } catch {
      handles = [...args];
    }
    // A callback that throws would be the caller's own crash.
    const safe = handles.map(item => (typeof item === 'function' ? () => undefined : item));
    const setsHook = name === 'onError' || name === 'watch';
    const result: unknown = Reflect.apply(
      target,
      undefined,
      setsHook ? handles.filter(item => typeof item !== 'function') : safe,
    );
    const isHandle = ['create', 'detach', 'leaf', 'stateSnapshot', 'stateGrad'].includes(name);
    return isHandle && result !== undefined ? wrapped(result) : undefined;
  };
  return { name: `native.${name}`, args, run };
}

/** The next call; most of them are ops. */
export function nextCall(dice: Dice, held: Held): Call {
  const door = dice.roll();
  if (door < 0.3) return sampledCall(dice, held);
  if (door < 0.62) return opCall(dice, held);
  if (door < 0.76) return methodCall(dice, held);
  if (door < 0.84) return doorCall(dice, held);
  if (door < 0.92) return functionCall(dice, held);
  return nestedCall(dice, held);
}
