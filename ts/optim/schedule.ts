// Learning-rate schedules: plain functions from the number of the step, to be written to `optimizer.lr`.
import { ValueError } from '../errors';
import { checkRange } from './check';

/** The learning rate of step 0, 1, ... */
export type Schedule = (step: number) => number;

function checkSteps(op: string, name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new ValueError(op, `${name} must be an integer of ${least} or more, got ${value}`);
}

/**
 * lr factor^floor(step / every); `factor` is 0.1 unless said.
 *
 * @example
 * const schedule = optim.stepDecay({ lr: 0.1, every: 1000, factor: 0.5 });
 * schedule(1000); // 0.05
 */
export function stepDecay(options: {
  readonly lr: number;
  readonly every: number;
  readonly factor?: number;
}): Schedule {
  const { lr, every, factor = 0.1 } = options;
  checkRange('stepDecay', 'lr', lr);
  checkRange('stepDecay', 'factor', factor);
  checkSteps('stepDecay', 'every', every, 1);
  return step => lr * factor ** Math.floor(step / every);
}

/** The span of a cosine schedule. */
export interface CosineOptions {
  readonly lr: number;
  /** The step at which `final` is reached. */
  readonly steps: number;
  /** Steps of linear growth from lr / warmup to lr, part of `steps`. */
  readonly warmup?: number;
  /** The rate at the end; 0 unless said. */
  readonly final?: number;
}

/**
 * Linear warm-up, then final + (lr - final) (1 + cos(pi t)) / 2 for t from 0 to 1, then `final` (Loshchilov and Hutter
 * 2017, without restarts).
 *
 * @example
 * const schedule = optim.cosineDecay({ lr: 1, steps: 100, warmup: 10 });
 * [0, 10, 55, 100].map(schedule); // [0.1, 1, 0.5, 0]
 */
export function cosineDecay(options: CosineOptions): Schedule {
  const { lr, steps, warmup = 0, final = 0 } = options;
  checkRange('cosineDecay', 'lr', lr);
  checkRange('cosineDecay', 'final', final);
  checkSteps('cosineDecay', 'steps', steps, 1);
  checkSteps('cosineDecay', 'warmup', warmup, 0);
  if (warmup >= steps) throw new ValueError('cosineDecay', `warmup ${warmup} must be below steps ${steps}`);
  return step => {
    if (step < warmup) return (lr * (step + 1)) / warmup;
    const t = Math.min((step - warmup) / (steps - warmup), 1);
    return final + ((lr - final) * (1 + Math.cos(Math.PI * t))) / 2;
  };
}
