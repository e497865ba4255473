// Pooling layers over images [batch, height, width, channels].
import { checkOptions } from '../handle';
import { avgPool2d, globalAvgPool2d, maxPool2d } from '../ops.gen';
import type { Tensor } from '../tensor';
import { pair } from './check';
import type { Pair } from './check';
import { Module } from './module';
import type { Layer } from './module';

/** How windows move. */
export interface PoolOptions {
  /** The size of the window unless said. */
  readonly stride?: Pair;
  /** Rows and columns around the image on each side; 0 unless said. */
  readonly padding?: Pair;
}

interface Windows {
  readonly size: number[];
  readonly stride: number[];
  readonly padding: number[];
}

function windows(op: string, size: Pair, options: PoolOptions): Windows {
  checkOptions(op, options, ['stride', 'padding']);
  const { stride = size, padding = 0 } = options;
  return {
    size: pair(op, 'size', size),
    stride: pair(op, 'stride', stride),
    padding: pair(op, 'padding', padding, 0),
  };
}

/**
 * The largest element of each window of images [batch, height, width, channels]; padding never wins. The height becomes
 * floor((height + 2 padding - size) / stride) + 1.
 *
 * @example
 * new nn.MaxPool2d(2).forward(zeros([64, 28, 28, 6])); // [64, 14, 14, 6]
 */
export class MaxPool2d extends Module implements Layer {
  readonly #windows: Windows;

  constructor(size: Pair, options: PoolOptions = {}) {
    super();
    this.#windows = windows('MaxPool2d', size, options);
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.#windows);
  }
}

/**
 * The mean of each window of images [batch, height, width, channels]; padding counts as zeros. The height becomes
 * floor((height + 2 padding - size) / stride) + 1.
 *
 * @example
 * new nn.AvgPool2d(2).forward(zeros([64, 28, 28, 6])); // [64, 14, 14, 6]
 */
export class AvgPool2d extends Module implements Layer {
  readonly #windows: Windows;

  constructor(size: Pair, options: PoolOptions = {}) {
    super();
    this.#windows = windows('AvgPool2d', size, options);
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.#windows);
  }
}

/**
 * The mean of each channel over height and width: [batch, height, width, channels] to [batch, channels].
 *
 * @example
 * new nn.GlobalAvgPool2d().forward(zeros([64, 7, 7, 32])); // [64, 32]
 */
export class GlobalAvgPool2d extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return globalAvgPool2d(x);
  }
}
