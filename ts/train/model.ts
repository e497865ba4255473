// What training asks of a model, of a loss and of an optimizer.
import type { Device } from '../device';
import type { Tensor } from '../tensor';

/** A module that maps inputs to outputs and knows whether it is being trained. */
export interface Trainable {
  readonly training: boolean;
  forward(x: Tensor): Tensor;
  train(mode?: boolean): unknown;
  /** Itself and what it is made of, outer before inner. */
  modules?(): readonly Pick<Trainable, 'training' | 'train'>[];
  /** Its parameters and buffers: batches are made where the first of them is. */
  namedStates?(): Iterable<readonly [string, { readonly device: Device }]>;
}

/** Where a model is, as an option; empty where it has no state that says so. */
export function placeOf(model: Trainable): { device?: Device } {
  for (const [, { device }] of model.namedStates?.() ?? []) return { device };
  return {};
}

/** Remembers the mode of every module inside; the function given back restores them. */
export function keepModes(model: Trainable): () => void {
  const modes = (model.modules?.() ?? [model]).map(module => [module, module.training] as const);
  return () => {
    for (const [module, training] of modes) if (module.training !== training) module.train(training);
  };
}

/** One number from outputs and targets; `mean` over the samples. */
export type Loss = (output: Tensor, target: Tensor) => Tensor;

/** Names of the metrics that fit and evaluate know, or functions of the same kind as a loss. */
export type Metric = 'accuracy' | { readonly name: string; readonly compute: Loss };

/** What trains the parameters: every optimizer of `optim` is one. */
export interface Stepper {
  step(): void;
  /** Forgets gradients that no step has used. */
  zeroGrad?(): void;
  /** Written before each step where there is a schedule. */
  lr?: number;
}

/** Sums over the samples of an epoch. */
export class Totals {
  #samples = 0;
  readonly #sums = new Map<string, number>();

  add(samples: number, values: ReadonlyMap<string, number>): void {
    this.#samples += samples;
    for (const [name, value] of values) this.#sums.set(name, (this.#sums.get(name) ?? 0) + samples * value);
  }

  get samples(): number {
    return this.#samples;
  }

  means(): Record<string, number> {
    return Object.fromEntries([...this.#sums].map(([name, sum]) => [name, sum / this.#samples]));
  }
}
