// What recurrent layers and cells are made of: weights, and the checks of their arguments.
import { inspect } from 'node:util';
import { ShapeError, ValueError } from '../errors';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { uniform } from './init';
import { parameter } from './parameter';

/** The weights of one layer in one direction, in the order that the ops take them. */
export type Weights = readonly [ih: State, hh: State, biasIh: State | undefined, biasHh: State | undefined];

export type Sizes = readonly [inputSize: number, hiddenSize: number];

/** Weights [gates * hiddenSize, ..] and biases, uniform in +-1 / sqrt(hiddenSize). */
export function makeWeights(gates: number, [inputSize, hiddenSize]: Sizes, bias: boolean): Weights {
  const bound = 1 / Math.sqrt(hiddenSize);
  const make = (...shape: number[]): State => parameter(shape, target => uniform(target, -bound, bound));
  const rows = gates * hiddenSize;
  const ih = make(rows, inputSize);
  const hh = make(rows, hiddenSize);
  return [ih, hh, bias ? make(rows) : undefined, bias ? make(rows) : undefined];
}

/** Throws ShapeError unless x has the shape `wanted`; names stand for extents that are free. */
export function checkShape(op: string, name: string, x: Tensor, wanted: readonly (number | string)[]): void {
  const fits = (extent: number | string, i: number): boolean =>
    typeof extent === 'string' || extent === x.shape[i];
  if (x.shape.length === wanted.length && wanted.every(fits)) return;
  throw new ShapeError(op, `${name} has shape [${x.shape.join(', ')}]; use [${wanted.join(', ')}]`);
}

/** The nonlinearity of an RNN, tanh unless given. */
export function nonlinearityOf(op: string, value: unknown): 'tanh' | 'relu' {
  if (value === undefined || value === 'tanh') return 'tanh';
  if (value === 'relu') return 'relu';
  throw new ValueError(op, `nonlinearity must be 'tanh' or 'relu', got ${inspect(value)}`);
}
