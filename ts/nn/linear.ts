// Linear: the fully connected layer.
import { checkOptions } from '../handle';
import { linear } from '../ops.gen';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkInteger } from './check';
import { fans, heUniform, uniform } from './init';
import { Module } from './module';
import type { Layer } from './module';
import { parameter } from './parameter';

/** Uniform in [-1 / sqrt(fanIn), 1 / sqrt(fanIn)), for weights and for the bias that belongs to them. */
export function defaultWeight(shape: readonly number[]): State {
  return parameter(shape, target => heUniform(target, { slope: Math.sqrt(5) }));
}

export function defaultBias(op: string, size: number, weightShape: readonly number[]): State {
  const bound = 1 / Math.sqrt(fans(op, weightShape).fanIn);
  return parameter([size], target => uniform(target, -bound, bound));
}

/** How a Linear is made. */
export interface LinearOptions {
  /** Add a learned bias; on unless said. */
  readonly bias?: boolean;
}

/**
 * y = x W^T + b over the last axis: [..., inFeatures] to [..., outFeatures]. `weight` is [outFeatures, inFeatures]; both
 * start uniform in +-1 / sqrt(inFeatures), as in PyTorch.
 *
 * @example
 * new nn.Linear(784, 10).forward(zeros([64, 784])); // [64, 10]
 */
export class Linear extends Module implements Layer {
  readonly weight: State;
  readonly bias: State | undefined;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    checkInteger('Linear', 'inFeatures', inFeatures);
    checkInteger('Linear', 'outFeatures', outFeatures);
    checkOptions('Linear', options, ['bias']);
    const shape = [outFeatures, inFeatures];
    this.weight = defaultWeight(shape);
    this.bias = options.bias === false ? undefined : defaultBias('Linear', outFeatures, shape);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
