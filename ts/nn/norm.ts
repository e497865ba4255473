// Normalisation layers: by the statistics of the batch, and of each position.
import { inspect } from 'node:util';
import { ShapeError, ValueError } from '../errors';
import { checkOptions } from '../handle';
import { batchNorm, batchNormEval, batchNormUpdate, layerNorm } from '../ops.gen';
import { state } from '../state';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkInteger } from './check';
import { Module } from './module';
import type { Layer } from './module';
import { parameter } from './parameter';

/** How a BatchNorm1d or BatchNorm2d is made. */
export interface BatchNormOptions {
  /** Added to the variance; 1e-5 unless said. */
  readonly eps?: number;
  /** The share of a batch in the running statistics, 0.1 unless said; null takes the mean of all batches. */
  readonly momentum?: number | null;
  /** Learn a weight and a bias for each channel; on unless said. */
  readonly affine?: boolean;
  /** Keep the running statistics that evaluation uses; on unless said. Off, evaluation uses those of its batch. */
  readonly trackRunningStats?: boolean;
}

/** How a LayerNorm is made. */
export interface LayerNormOptions {
  /** Added to the variance; 1e-5 unless said. */
  readonly eps?: number;
  /** Learn a weight and a bias for each position; on unless said. */
  readonly elementwiseAffine?: boolean;
  /** Learn a bias where there is a weight; on unless said. */
  readonly bias?: boolean;
}

const filled = (shape: readonly number[], value: number): State =>
  parameter(shape, target => target.assign(value));

function checkEps(op: string, eps: unknown): void {
  if (typeof eps === 'number' && eps >= 0 && Number.isFinite(eps)) return;
  throw new ValueError(op, `eps must be a finite number of 0 or more, got ${inspect(eps)}`);
}

function checkMomentum(op: string, momentum: unknown): void {
  if (momentum === null || (typeof momentum === 'number' && momentum >= 0 && momentum <= 1)) return;
  throw new ValueError(op, `momentum must be a number in 0..1 or null, got ${inspect(momentum)}`);
}

// What BatchNorm1d and BatchNorm2d share; they differ in the axes between batch and channels.
class BatchNorm extends Module implements Layer {
  readonly weight: State | undefined;
  readonly bias: State | undefined;
  /** The mean of each channel over the batches seen. */
  readonly runningMean: State | undefined;
  /** The unbiased variance of each channel over the batches seen. */
  readonly runningVar: State | undefined;
  /** How many batches the running statistics have seen, an i64. */
  readonly numBatchesTracked: State | undefined;
  readonly #op: string;
  readonly #axes: readonly (readonly string[])[];
  readonly #channels: number;
  readonly #eps: number;
  readonly #momentum: number | null;

  constructor(op: string, axes: readonly (readonly string[])[], channels: number, options: BatchNormOptions) {
    super();
    checkInteger(op, 'channels', channels);
    checkOptions(op, options, ['eps', 'momentum', 'affine', 'trackRunningStats']);
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    checkEps(op, eps);
    checkMomentum(op, momentum);
    this.#op = op;
    this.#axes = axes;
    this.#channels = channels;
    this.#eps = eps;
    this.#momentum = momentum;
    if (affine) {
      this.weight = filled([channels], 1);
      this.bias = filled([channels], 0);
    }
    if (trackRunningStats) {
      this.runningMean = state(new Float32Array(channels));
      this.runningVar = state(new Float32Array(channels).fill(1));
      this.numBatchesTracked = state(0, { dtype: 'i64' });
    }
  }

  forward(x: Tensor): Tensor {
    this.#checkShape(x);
    const { weight, bias, runningMean, runningVar, numBatchesTracked } = this;
    const options = { eps: this.#eps };
    const tracks = runningMean !== undefined && runningVar !== undefined && numBatchesTracked !== undefined;
    if (!this.training && tracks) return batchNormEval(x, runningMean, runningVar, weight, bias, options);
    const count = x.size / this.#channels;
    if (count === 1) {
      throw new ValueError(
        this.#op,
        `x has shape [${x.shape.join(', ')}], one value per channel; its statistics need more than one`,
      );
    }
    const [y, ownMean, ownVariance] = batchNorm(x, weight, bias, options) as [Tensor, Tensor, Tensor];
    using mean = ownMean;
    using variance = ownVariance;
    if (tracks && count > 0) {
      const share = this.#momentum === null ? { cumulative: true } : { momentum: this.#momentum };
      batchNormUpdate([runningMean, runningVar, numBatchesTracked], mean, variance, count, share);
    }
    return y;
  }

  #checkShape(x: Tensor): void {
    if (this.#axes.some(axes => axes.length === x.shape.length) && x.shape.at(-1) === this.#channels) return;
    const wanted = this.#axes.map(axes => `[${[...axes.slice(0, -1), this.#channels].join(', ')}]`);
    throw new ShapeError(this.#op, `x has shape [${x.shape.join(', ')}]; use ${wanted.join(' or ')}`);
  }
}

/**
 * Each channel of [batch, channels] or [batch, length, channels] to mean 0 and variance 1, times `weight` plus `bias`: by the
 * statistics of the batch while training, by running ones in evaluation (Ioffe and Szegedy 2015).
 *
 * @example
 * const layer = new nn.BatchNorm1d(2, { affine: false });
 * await layer.forward(tensor([[0, 10], [2, 30]])).round().read(); // Float32Array [-1, -1, 1, 1]
 */
export class BatchNorm1d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    const axes = [
      ['batch', 'channels'],
      ['batch', 'length', 'channels'],
    ];
    super('BatchNorm1d', axes, channels, options);
  }
}

/**
 * As BatchNorm1d, of images [batch, height, width, channels].
 *
 * @example
 * new nn.BatchNorm2d(6).forward(zeros([64, 28, 28, 6])); // [64, 28, 28, 6]
 */
export class BatchNorm2d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super('BatchNorm2d', [['batch', 'height', 'width', 'channels']], channels, options);
  }
}

/**
 * Each slice over the last axes, whose extents are `shape`, to mean 0 and variance 1, times `weight` plus `bias`, in training
 * and evaluation alike (Ba, Kiros and Hinton 2016).
 *
 * @example
 * await new nn.LayerNorm(2).forward(tensor([[1, 3], [30, 10]])).round().read(); // Float32Array [-1, 1, 1, -1]
 */
export class LayerNorm extends Module implements Layer {
  readonly weight: State | undefined;
  readonly bias: State | undefined;
  readonly #options: { readonly shape: readonly number[]; readonly eps: number };

  constructor(shape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    checkOptions('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias']);
    const { eps = 1e-5, elementwiseAffine = true, bias = true } = options;
    const extents = typeof shape === 'object' ? [...shape] : [shape];
    if (extents.length === 0) {
      throw new ValueError('LayerNorm', 'shape is []; use the extents of one or more last axes');
    }
    for (const extent of extents) checkInteger('LayerNorm', 'shape', extent);
    checkEps('LayerNorm', eps);
    this.#options = { shape: extents, eps };
    if (elementwiseAffine) this.weight = filled(extents, 1);
    if (elementwiseAffine && bias) this.bias = filled(extents, 0);
  }

  forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.#options);
  }
}
