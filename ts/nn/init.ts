// Initialisers: each writes a state. Fans are those of [out, in] and [out, kh, kw, in / groups].
import { ShapeError } from '../errors';
import { checkOptions } from '../handle';
import { normal as drawNormal, uniform as drawUniform } from '../ops.gen';
import type { State } from '../state';
import { checkFinite } from './check';

/**
 * The inputs and outputs that each weight of `shape` [out, ..., in] meets; throws ShapeError, in the name of `op`, for
 * fewer than two axes.
 *
 * @example
 * nn.init.fans('mine', [6, 5, 5, 3]); // { fanIn: 75, fanOut: 150 }
 */
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

/**
 * Uniform numbers of [low, high), 0 and 1 unless said.
 *
 * @example
 * nn.init.uniform(new nn.Linear(784, 10).weight, -0.1, 0.1);
 */
export function uniform(target: State, low = 0, high = 1): void {
  using values = drawUniform(target.shape, { low, high, dtype: target.dtype });
  target.assign(values);
}

/**
 * Normal numbers of this mean and standard deviation, 0 and 1 unless said.
 *
 * @example
 * nn.init.normal(new nn.Embedding(1000, 64).weight, 0, 0.02);
 */
export function normal(target: State, mean = 0, std = 1): void {
  using values = drawNormal(target.shape, { mean, std, dtype: target.dtype });
  target.assign(values);
}

/**
 * One number everywhere.
 *
 * @example
 * const gain = state([1, 2]);
 * nn.init.constant(gain, 5);
 * await gain.read(); // Float32Array [5, 5]
 */
export function constant(target: State, value: number): void {
  target.assign(value);
}

/**
 * 0 everywhere.
 *
 * @example
 * const bias = state([1, 2]);
 * nn.init.zeros(bias);
 * await bias.read(); // Float32Array [0, 0]
 */
export const zeros = (target: State): void => constant(target, 0);

/**
 * 1 everywhere.
 *
 * @example
 * const gain = state([2, 3]);
 * nn.init.ones(gain);
 * await gain.read(); // Float32Array [1, 1]
 */
export const ones = (target: State): void => constant(target, 1);

/**
 * Normal with variance 2 / ((1 + slope^2) fan): keeps the size of what a ReLU passes on (He et al. 2015). `mode` is
 * 'fanIn' and `slope` 0 unless said.
 *
 * @example
 * nn.init.heNormal(new nn.Conv2d(1, 6, 5).weight, { mode: 'fanOut' });
 */
export function heNormal(target: State, options: HeOptions = {}): void {
  normal(target, 0, heStd('heNormal', target, options));
}

/**
 * Uniform in +-sqrt(6 / ((1 + slope^2) fan)): the variance of `heNormal`. With `slope` sqrt(5) it is how Linear and Conv2d
 * start.
 *
 * @example
 * nn.init.heUniform(new nn.Linear(784, 10).weight);
 */
export function heUniform(target: State, options: HeOptions = {}): void {
  const bound = Math.sqrt(3) * heStd('heUniform', target, options);
  uniform(target, -bound, bound);
}

/**
 * Normal with variance 2 gain^2 / (fanIn + fanOut) (Glorot and Bengio 2010); `gain` is 1 unless said.
 *
 * @example
 * nn.init.xavierNormal(new nn.Linear(784, 10).weight, { gain: 5 / 3 });
 */
export function xavierNormal(target: State, options: XavierOptions = {}): void {
  normal(target, 0, xavierStd('xavierNormal', target, options));
}

/**
 * Uniform in +-gain sqrt(6 / (fanIn + fanOut)): the variance of `xavierNormal`.
 *
 * @example
 * nn.init.xavierUniform(new nn.Linear(784, 10).weight);
 */
export function xavierUniform(target: State, options: XavierOptions = {}): void {
  const bound = Math.sqrt(3) * xavierStd('xavierUniform', target, options);
  uniform(target, -bound, bound);
}
