// Conv2d: the convolution layer over images.
import { inspect } from 'node:util';
import { ValueError } from '../errors';
import { checkOptions } from '../handle';
import { conv2d } from '../ops.gen';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkInteger, pair } from './check';
import type { Pair } from './check';
import { defaultBias, defaultWeight } from './linear';
import { Module } from './module';
import type { Layer } from './module';

/** How a Conv2d is made. */
export interface Conv2dOptions {
  /** How far the kernel moves; 1 unless said. */
  readonly stride?: Pair;
  /** Zeros around the image; 'same' keeps its size (stride 1), 'valid' is 0. */
  readonly padding?: Pair | 'same' | 'valid';
  /** Distance of neighbouring elements of the kernel; 1 unless said. */
  readonly dilation?: Pair;
  /** Splits the channels into groups that do not see each other. */
  readonly groups?: number;
  /** Add a learned bias; on unless said. */
  readonly bias?: boolean;
}

// [top, bottom, left, right] that keeps the size: an odd zero goes below and to the right.
function samePadding(kernel: readonly number[], dilation: readonly number[]): number[] {
  return kernel.flatMap((extent, axis) => {
    const total = (dilation[axis] ?? 1) * (extent - 1);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  });
}

function resolvePadding(options: Conv2dOptions, kernel: Pair, stride: Pair, dilation: Pair): number[] {
  const { padding = 0 } = options;
  if (padding === 'valid') return [0, 0];
  if (typeof padding !== 'string') return pair('Conv2d', 'padding', padding, 0);
  if (padding !== 'same') {
    throw new ValueError(
      'Conv2d',
      `padding must be a number, a pair, 'same' or 'valid', got ${inspect(padding)}`,
    );
  }
  const strides = pair('Conv2d', 'stride', stride);
  if (strides.some(step => step !== 1)) {
    throw new ValueError('Conv2d', `padding 'same' needs stride 1, got ${inspect(stride)}`);
  }
  return samePadding(pair('Conv2d', 'kernel', kernel), pair('Conv2d', 'dilation', dilation));
}

/**
 * Correlates images [batch, height, width, inChannels] with `weight` [outChannels, kh, kw, inChannels / groups] and adds
 * `bias`; the height becomes floor((height + 2 padding - dilation (kh - 1) - 1) / stride) + 1. Both start uniform in
 * +-1 / sqrt(kh kw inChannels / groups), as in PyTorch.
 *
 * @example
 * new nn.Conv2d(1, 6, 5, { padding: 'same' }).forward(zeros([64, 28, 28, 1])); // [64, 28, 28, 6]
 */
export class Conv2d extends Module implements Layer {
  readonly weight: State;
  readonly bias: State | undefined;
  readonly #options: { stride: number[]; padding: number[]; dilation: number[]; groups: number };

  constructor(inChannels: number, outChannels: number, kernel: Pair, options: Conv2dOptions = {}) {
    super();
    checkOptions('Conv2d', options, ['stride', 'padding', 'dilation', 'groups', 'bias']);
    const { stride = 1, dilation = 1, groups = 1, bias = true } = options;
    checkInteger('Conv2d', 'inChannels', inChannels);
    checkInteger('Conv2d', 'outChannels', outChannels);
    checkInteger('Conv2d', 'groups', groups);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ValueError(
        'Conv2d',
        `groups ${groups} must divide inChannels ${inChannels} and outChannels ${outChannels}`,
      );
    }
    this.#options = {
      stride: pair('Conv2d', 'stride', stride),
      padding: resolvePadding(options, kernel, stride, dilation),
      dilation: pair('Conv2d', 'dilation', dilation),
      groups,
    };
    const shape = [outChannels, ...pair('Conv2d', 'kernel', kernel), inChannels / groups];
    this.weight = defaultWeight(shape);
    this.bias = bias ? defaultBias('Conv2d', outChannels, shape) : undefined;
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.#options);
  }
}
