// What generated ops are made of: handles in, tensors out.
import { inspect } from 'node:util';
import { ValueError } from './errors';
import type { DType, Handle } from './native';
import type { Tensor } from './tensor';

/** The property that holds a tensor's or state's native handle: registered, so that two copies of this module agree. */
export const kHandle: unique symbol = Symbol.for('hebb.handle');

/** A tensor or a state: anything an op takes as a tensor. */
export interface TensorLike<D extends DType = DType> {
  readonly [kHandle]: Handle;
  readonly dtype: D;
}

/** A tensor, a state or a number, as arithmetic takes them. */
export type Operand = TensorLike | number;

let construct: ((handle: Handle) => Tensor) | undefined;

/** Called once by the module that defines Tensor, which itself needs the generated ops. */
export function setTensorClass(make: (handle: Handle) => Tensor): void {
  construct = make;
}

export function wrap<D extends DType>(handle: Handle): Tensor<D> {
  if (construct === undefined) throw new ValueError('hebb', 'the tensor module is not loaded');
  return construct(handle) as Tensor<D>;
}

export const wrapAll = (handles: readonly Handle[]): Tensor[] => handles.map(handle => wrap(handle));

/** The handle of a tensor; anything else goes through, for the op to refuse with its name. */
export function handleOf(x: unknown): unknown {
  return typeof x === 'object' && x !== null && kHandle in x ? x[kHandle] : x;
}

export function handlesOf(list: unknown): unknown {
  return Array.isArray(list) ? list.map(handleOf) : list;
}

/** Refuses what cannot be called. */
export function checkCallback(op: string, name: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new ValueError(op, `${name} must be a function, got ${inspect(value, { depth: 0 })}`);
}

/** Refuses options that the op does not have: a misspelt one would change nothing, silently. */
export function checkOptions(op: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ValueError(
      op,
      `options must be an object with ${known.join(', ')}, got ${inspect(options, { depth: 0 })}`,
    );
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) {
      throw new ValueError(op, `has no option ${name}; use ${known.join(', ')}`);
    }
  }
}
