// What training asks of a model, of a loss and of an optimizer.
import type { Tensor } from '../tensor';

/** A module that maps inputs to outputs and knows whether it is being trained. */
export interface Trainable {
  readonly training: boolean;
  forward(x: Tensor): Tensor;
  train(mode?: boolean): unknown;
}

/** One number from outputs and targets; `mean` over the samples. */
export type Loss = (output: Tensor, target: Tensor) => Tensor;

/** Names of the metrics that fit and evaluate know, or functions of the same kind as a loss. */
export type Metric = 'accuracy' | { readonly name: string; readonly compute: Loss };

/** What `optimizer.step()` must be. */
export interface Stepper {
  step(): void;
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
