// Initialisers: each writes a state. Fans are those of [out, in] and [out, kh, kw, in / groups].
import { ShapeError } from '../errors';
import { checkOptions } from '../handle';
import { normal as drawNormal, uniform as drawUniform } from '../ops.gen';
import type { State } from '../state';
import { checkFinite } from './check';

/** The inputs and outputs that each weight of `shape` meets; throws ShapeError for fewer than two axes. */
export function fans(op: string, shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    throw new ShapeError(op, `needs a weight of two or more axes, got shape [${shape.join(', ')}]`);
  }
  const [out = 0, ...rest] = shape;
  const receptive = rest.slice(0, -1).reduce((product, extent) => product * extent, 1);
  return { fanIn: receptive * (rest.at(-1) ?? 0), fanOut: receptive * out };
}

/** Which fan a He initialiser keeps the variance of, and the slope of the leaky ReLU that follows (0 is a ReLU). */
export interface HeOptions {
  readonly mode?: 'fanIn' | 'fanOut';
  readonly slope?: number;
}

/** The factor for what follows the layer: 1 for a linear map or a sigmoid, 5 / 3 for tanh. */
export interface XavierOptions {
  readonly gain?: number;
}

// A weight without inputs has nothing to keep the variance of.
const ratio = (gain: number, fan: number): number => (fan > 0 ? gain / Math.sqrt(fan) : 0);

function heStd(op: string, target: State, options: HeOptions): number {
  checkOptions(op, options, ['mode', 'slope']);
  const { mode = 'fanIn', slope = 0 } = options;
  checkFinite(op, 'slope', slope);
  return ratio(Math.sqrt(2 / (1 + slope * slope)), fans(op, target.shape)[mode]);
}

function xavierStd(op: string, target: State, options: XavierOptions): number {
  checkOptions(op, options, ['gain']);
  const { gain = 1 } = options;
  checkFinite(op, 'gain', gain);
  const { fanIn, fanOut } = fans(op, target.shape);
  return ratio(gain * Math.SQRT2, fanIn + fanOut);
}

/** Uniform numbers of [low, high). */
export function uniform(target: State, low = 0, high = 1): void {
  using values = drawUniform(target.shape, { low, high, dtype: target.dtype });
  target.assign(values);
}

/** Normal numbers of this mean and standard deviation. */
export function normal(target: State, mean = 0, std = 1): void {
  using values = drawNormal(target.shape, { mean, std, dtype: target.dtype });
  target.assign(values);
}

/** One number everywhere. */
export function constant(target: State, value: number): void {
  target.assign(value);
}

export const zeros = (target: State): void => constant(target, 0);
export const ones = (target: State): void => constant(target, 1);

/** Normal with variance 2 / ((1 + slope^2) fan): keeps the size of what a ReLU passes on (He et al. 2015). */
export function heNormal(target: State, options: HeOptions = {}): void {
  normal(target, 0, heStd('heNormal', target, options));
}

/** Uniform with the variance of `heNormal`. */
export function heUniform(target: State, options: HeOptions = {}): void {
  const bound = Math.sqrt(3) * heStd('heUniform', target, options);
  uniform(target, -bound, bound);
}

/** Normal with variance 2 gain^2 / (fanIn + fanOut) (Glorot and Bengio 2010). */
export function xavierNormal(target: State, options: XavierOptions = {}): void {
  normal(target, 0, xavierStd('xavierNormal', target, options));
}

/** Uniform with the variance of `xavierNormal`. */
export function xavierUniform(target: State, options: XavierOptions = {}): void {
  const bound = Math.sqrt(3) * xavierStd('xavierUniform', target, options);
  uniform(target, -bound, bound);
}
