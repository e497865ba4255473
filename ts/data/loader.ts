// The loader: seeded batches of a data set as tensors, one epoch an iteration.
import { setImmediate } from 'node:timers/promises';
import { checkDevice } from '../device';
import type { Device } from '../device';
import { ValueError } from '../errors';
import { tensor } from '../tensor';
import type { Tensor } from '../tensor';
import type { Dataset, FieldValues } from './dataset';
import { epochOrder } from './order';

/** How a data set is cut into batches. */
export interface LoaderOptions {
  /** Samples per batch; the last one of an epoch may be smaller. */
  readonly batch: number;
  /** A new order every epoch. */
  readonly shuffle?: boolean;
  /** What the orders follow from, 0 unless said. */
  readonly seed?: number;
  /** Leave out the smaller last batch. */
  readonly dropLast?: boolean;
  /** The number of the first epoch to be iterated: a resumed run goes on with the same orders. */
  readonly epoch?: number;
  /** Where batches are made; the device of `setDevice` unless said. */
  readonly device?: Device;
}

/** The fields of a batch as tensors, each `[samples, ...shape]`. */
export type Batch = Record<string, Tensor> & { x: Tensor; target: Tensor };

// The event loop gets a turn at least this often.
const TURN_MS = 5;

/**
 * Iterated once per epoch; a batch is freed when the iterator moves on. `loader()` makes one.
 *
 * @example
 * const batches = new data.Loader(train, { batch: 24 });
 * batches.length; // 3
 */
export class Loader implements AsyncIterable<Batch> {
  readonly #dataset: Dataset;
  readonly #options: Required<Omit<LoaderOptions, 'device'>>;
  readonly #device: { device?: Device };
  #epoch: number;
  // Tensors copy their data, so one set of arrays serves all batches of all epochs: fresh ones of this size would keep the
  // collector and the process's memory moving. An iteration takes it and gives it back at its end.
  #arrays: Record<string, FieldValues> | undefined;

  constructor(dataset: Dataset, options: LoaderOptions) {
    const { batch, shuffle = false, seed = 0, dropLast = false, epoch = 0, device } = options;
    if (!Number.isSafeInteger(batch) || batch < 1) {
      throw new ValueError('loader', `batch is ${String(batch)}; use an integer of 1 and more`);
    }
    if (dataset.size === 0) throw new ValueError('loader', 'the data set has no samples; give at least one');
    this.#dataset = dataset;
    if (device !== undefined) checkDevice('loader', device);
    this.#device = device === undefined ? {} : { device };
    this.#options = { batch, shuffle, seed, dropLast, epoch };
    this.#epoch = epoch;
    // Bad seeds are refused here, not at the first batch.
    epochOrder(1, { seed, epoch, shuffle });
  }

  /** Batches per epoch. */
  get length(): number {
    const { batch, dropLast } = this.#options;
    return dropLast ? Math.floor(this.#dataset.size / batch) : Math.ceil(this.#dataset.size / batch);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Batch, void, void> {
    const { batch, shuffle, seed } = this.#options;
    const order = epochOrder(this.#dataset.size, { seed, epoch: this.#epoch++, shuffle });
    let turned = performance.now();
    let arrays = this.#arrays;
    this.#arrays = undefined;
    for (let i = 0; i < this.length; i++) {
      const fields = this.#dataset.gather(order.subarray(i * batch, (i + 1) * batch), arrays);
      // The first batch is the largest.
      arrays ??= fields;
      const tensors = this.#tensors(fields);
      try {
        yield tensors;
      } finally {
        for (const field of Object.values(tensors)) field.dispose();
      }
      if (performance.now() - turned > TURN_MS) {
        await setImmediate();
        turned = performance.now();
      }
    }
    this.#arrays = arrays;
  }

  #tensors(fields: Record<string, FieldValues>): Batch {
    const made: Record<string, Tensor> = {};
    for (const [name, values] of Object.entries(fields)) {
      const sample = this.#dataset.fields[name]?.shape ?? [];
      const count = values.length / sample.reduce((size, extent) => size * extent, 1);
      made[name] = tensor(values, { shape: [count, ...sample], ...this.#device });
    }
    return made as Batch;
  }
}

/**
 * Batches of `dataset` as tensors, `[samples, ...shape]` each. Throws ValueError for an empty data set and for a batch or
 * seed that is no whole number.
 *
 * @example
 * for await (const { x, target } of data.loader(train, { batch: 64, shuffle: true, seed: 1 })) {
 *   scope(() => {
 *     nn.crossEntropy(model.forward(x), target).backward();
 *     optimizer.step();
 *   });
 * }
 */
export const loader = (dataset: Dataset, options: LoaderOptions): Loader => new Loader(dataset, options);
