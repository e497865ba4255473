// Nested arguments and results: which tensors are in them, in which order, and the same nesting with other tensors.
import { types } from 'node:util';
import { kHandle } from './handle';
import type { Handle } from './native';
import { isState } from './state';
import { isTensor } from './tensor';
import type { Tensor } from './tensor';

type Builder = (tensors: readonly Tensor[]) => unknown;

/** A nesting and the handles of the tensors in it. */
export interface Tree {
  readonly handles: readonly Handle[];
  rebuild(tensors: readonly Tensor[]): unknown;
}

// Objects that are no plain data stand for themselves.
let identities = 0;
const known = new WeakMap<object, number>();

function identity(value: object): number {
  const number = known.get(value) ?? ++identities;
  known.set(value, number);
  return number;
}

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

// No text can be taken for what follows it; functions of the same source may close over different values.
function atom(value: unknown): string {
  if (typeof value === 'function') return `#${identity(value)};`;
  if (typeof value === 'string') return `${JSON.stringify(value)};`;
  return Object.is(value, -0) ? 'number:-0;' : `${typeof value}:${String(value)};`;
}

class Walk {
  readonly handles: Handle[] = [];
  key = '';

  visit(value: unknown, states: boolean): Builder {
    if (typeof value !== 'object' || value === null) {
      this.key += atom(value);
      return () => value;
    }
    if (isTensor(value) || (states && isState(value))) return this.#tensor(value as Tensor);
    if (Array.isArray(value)) return this.#list(value as readonly unknown[], states);
    if (types.isMap(value)) return this.#map(value, states);
    if (isPlain(value)) return this.#record(value as Record<string, unknown>, states);
    this.key += `#${identity(value)};`;
    return () => value;
  }

  #tensor(value: Tensor): Builder {
    const position = this.handles.length;
    this.handles.push(value[kHandle]);
    this.key += `${value.dtype}[${value.shape.join()}];`;
    return tensors => tensors[position];
  }

  #list(values: readonly unknown[], states: boolean): Builder {
    this.key += '(';
    const builders = values.map(item => this.visit(item, states));
    this.key += ')';
    return tensors => builders.map(build => build(tensors));
  }

  #map(value: ReadonlyMap<unknown, unknown>, states: boolean): Builder {
    const entries = [...value].map(([name, item]) => {
      this.key += typeof name === 'object' && name !== null ? `#${identity(name)}=` : `${atom(name)}=`;
      return [name, this.visit(item, states)] as const;
    });
    return tensors => new Map(entries.map(([name, build]) => [name, build(tensors)]));
  }

  #record(value: Readonly<Record<string, unknown>>, states: boolean): Builder {
    this.key += '{';
    const entries = Object.entries(value).map(([name, item]) => {
      this.key += `${JSON.stringify(name)}=`;
      return [name, this.visit(item, states)] as const;
    });
    this.key += '}';
    return tensors => Object.fromEntries(entries.map(([name, build]) => [name, build(tensors)]));
  }
}

/** The tensors of a result; everything else in it is a constant of the recording. */
export function collected(value: unknown): Tree {
  const walk = new Walk();
  const rebuild = walk.visit(value, false);
  return { handles: walk.handles, rebuild };
}

/** What recordings are told apart by: the nesting, shapes and dtypes of arguments, and the values that are no tensors. */
export class Signature {
  readonly key: string;
  readonly handles: readonly Handle[];
  readonly tree: Tree;
  /** Whether the arguments are tensors and states themselves, not nestings of them. */
  readonly flat: boolean;

  constructor(args: readonly unknown[]) {
    const walk = new Walk();
    const rebuild = walk.visit(args, true);
    this.key = walk.key;
    this.handles = walk.handles;
    this.flat = args.length === walk.handles.length && args.every(arg => isTensor(arg) || isState(arg));
    this.tree = { handles: walk.handles, rebuild };
  }
}
