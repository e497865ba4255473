// Adam and AdamW: steps scaled by running moments of the gradient.
import { inspect } from 'node:util';
import { ValueError } from '../errors';
import { adamStep } from '../ops.gen';
import { checkRange } from './check';
import { Optimizer } from './optimizer';
import type { Kind, OptimizerOptions, Params, Update } from './optimizer';

/** How an Adam or AdamW is made. */
export interface AdamOptions extends OptimizerOptions {
  /** How much of the running means of the gradient and of its square is kept; [0.9, 0.999] unless said. */
  readonly betas?: readonly [number, number];
  /** Added to the root of the second moment; 1e-8 unless said. */
  readonly eps?: number;
  /** Adam adds weightDecay times the parameter to the gradient, AdamW takes lr weightDecay times it from the parameter. */
  readonly weightDecay?: number;
  /** Divide by the greatest second moment so far. */
  readonly amsgrad?: boolean;
}

interface Resolved {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weightDecay: number;
  readonly decoupled: boolean;
  readonly amsgrad: boolean;
}

const kind = (name: string, decoupled: boolean, decay: number): Kind<AdamOptions, Resolved> => ({
  name,
  known: ['lr', 'betas', 'eps', 'weightDecay', 'amsgrad'],
  resolve({ betas = [0.9, 0.999], eps = 1e-8, weightDecay = decay, amsgrad = false }) {
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw new ValueError(name, `betas must be two numbers in [0, 1), got ${inspect(betas)}`);
    }
    const [beta1, beta2] = betas;
    checkRange(name, 'betas[0]', beta1, 1);
    checkRange(name, 'betas[1]', beta2, 1);
    checkRange(name, 'eps', eps);
    checkRange(name, 'weightDecay', weightDecay);
    return { beta1, beta2, eps, weightDecay, decoupled, amsgrad };
  },
  cells: ({ amsgrad }) => ({ moments: amsgrad ? ['m', 'v', 'vmax'] : ['m', 'v'], counts: true }),
});

const adam = kind('Adam', false, 0);
const adamW = kind('AdamW', true, 0.01);

abstract class Moments extends Optimizer<AdamOptions, Resolved> {
  protected override update({ params, grads, lr, options, cells }: Update<Resolved>): void {
    adamStep(params, cells('m'), cells('v'), cells('vmax'), cells('step'), grads, lr, options);
  }
}

/**
 * p -= lr m' / (sqrt(v') + eps): m and v are running means of the gradient and of its square, m' = m / (1 - beta1^t),
 * v' = v / (1 - beta2^t) (Kingma and Ba 2015).
 *
 * @example
 * const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
 * loss.backward();
 * optimizer.step();
 */
export class Adam extends Moments {
  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    super(adam, params, options);
  }
}

/**
 * Adam whose weight decay (0.01 unless said) shrinks the parameters themselves, whatever the gradient (Loshchilov and
 * Hutter 2019).
 *
 * @example
 * const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0.05 });
 * loss.backward();
 * optimizer.step();
 */
export class AdamW extends Moments {
  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    super(adamW, params, options);
  }
}
