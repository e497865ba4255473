// Embedding: a table of vectors.
import { take } from '../ops.gen';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkInteger } from './check';
import { normal } from './init';
import { Module } from './module';
import type { Layer } from './module';
import { parameter } from './parameter';

/**
 * Ids (an integer tensor of any shape) to the rows of `weight` [count, features]: [...] to [..., features]. Starts
 * standard normal, as in PyTorch. An id out of 0..count - 1 is a ValueError when the result is read.
 *
 * @example
 * new nn.Embedding(1000, 64).forward(randint(0, 1000, [8, 32])); // [8, 32, 64]
 */
export class Embedding extends Module implements Layer {
  readonly weight: State;

  constructor(count: number, features: number) {
    super();
    checkInteger('Embedding', 'count', count);
    checkInteger('Embedding', 'features', features);
    this.weight = parameter([count, features], target => normal(target));
  }

  forward(ids: Tensor): Tensor {
    return take(this.weight, ids);
  }
}
