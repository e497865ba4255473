// Dropout as a layer.
import { dropout } from '../ops.gen';
import type { Tensor } from '../tensor';
import { checkProbability } from './check';
import { Module } from './module';
import type { Layer } from './module';

/**
 * While training, 0 with probability p, else x / (1 - p), so that the mean stays; x itself in evaluation. p is 0.5 unless
 * said (Srivastava et al. 2014).
 *
 * @example
 * await new nn.Dropout(0.2).eval().forward(tensor([1, 2])).read(); // Float32Array [1, 2]
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
