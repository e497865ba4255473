// Layers that compute nothing: Flatten and Identity.
import { flatten } from '../ops.gen';
import type { Tensor } from '../tensor';
import { Module } from './module';
import type { Layer } from './module';

/**
 * All axes but the first as one: [batch, ...] to [batch, features].
 *
 * @example
 * new nn.Flatten().forward(zeros([64, 5, 5, 16])); // [64, 400]
 */
export class Flatten extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return flatten(x, { start: 1 });
  }
}

/**
 * x itself: takes the place of a layer that is left out.
 *
 * @example
 * new nn.Identity().forward(zeros([64, 5])); // [64, 5]
 */
export class Identity extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return x;
  }
}
