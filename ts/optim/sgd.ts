// SGD: gradient descent with momentum.
import { ValueError } from '../errors';
import { sgdStep } from '../ops.gen';
import { checkRange } from './check';
import { Optimizer } from './optimizer';
import type { Kind, OptimizerOptions, Params, Update } from './optimizer';

/** How an SGD is made. */
export interface SGDOptions extends OptimizerOptions {
  /** How much of the last direction is kept; 0 unless said. */
  readonly momentum?: number;
  /** How much of a new gradient is left out of the momentum; 0 unless said. */
  readonly dampening?: number;
  /** Look ahead along the momentum. Needs momentum and no dampening. */
  readonly nesterov?: boolean;
  /** Adds weightDecay times the parameter to the gradient. */
  readonly weightDecay?: number;
  /** Climb instead of descend. */
  readonly maximize?: boolean;
}

type Resolved = Required<Omit<SGDOptions, 'lr'>>;

const kind: Kind<SGDOptions, Resolved> = {
  name: 'SGD',
  known: ['lr', 'momentum', 'dampening', 'nesterov', 'weightDecay', 'maximize'],
  resolve({ momentum = 0, dampening = 0, nesterov = false, weightDecay = 0, maximize = false }) {
    checkRange('SGD', 'momentum', momentum);
    checkRange('SGD', 'weightDecay', weightDecay);
    if (!Number.isFinite(dampening))
      throw new ValueError('SGD', `dampening must be a finite number, got ${dampening}`);
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ValueError(
        'SGD',
        `nesterov has momentum ${momentum} and dampening ${dampening}; it needs a momentum above 0 and no dampening`,
      );
    }
    return { momentum, dampening, nesterov, weightDecay, maximize };
  },
  cells: ({ momentum }) =>
    momentum === 0 ? { moments: [], counts: false } : { moments: ['momentum'], counts: true },
};

/**
 * p -= lr b with b = momentum b + (1 - dampening) g, where g is the gradient plus weightDecay p; the first b is g.
 * Nesterov steps by g + momentum b.
 *
 * @example
 * const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
 * loss.backward();
 * optimizer.step();
 */
export class SGD extends Optimizer<SGDOptions, Resolved> {
  constructor(params: Params<SGDOptions>, options: SGDOptions = {}) {
    super(kind, params, options);
  }

  protected override update({ params, grads, lr, options, cells }: Update<Resolved>): void {
    sgdStep(params, cells('momentum'), cells('step'), grads, lr, options);
  }
}
