// Dropout as a layer.
import { dropout } from '../ops.gen';
import type { Tensor } from '../tensor';
import { checkProbability } from './check';
import { Module } from './module';
import type { Layer } from './module';

/**
 * While training, drops each element with probability p and divides the others by 1 - p; x itself in evaluation.
 *
 * @example
 * new nn.Dropout(0.2).eval().forward(x); // x
 */
export class Dropout extends Module implements Layer {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    checkProbability('Dropout', 'p', p);
    this.p = p;
  }

  forward(x: Tensor): Tensor {
    return this.training ? dropout(x, { p: this.p }) : x;
  }
}
