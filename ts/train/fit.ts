// fit(): the usual training loop.
import type { Dataset } from '../data/dataset';
import { loader } from '../data/loader';
import { ValueError } from '../errors';
import { seed as seedRandom } from '../random';
import { scope } from '../scope';
import type { Tensor } from '../tensor';
import { evaluate } from './evaluate';
import { packed, resolveMetrics, unpacked } from './measure';
import type { Loss, Metric, Stepper, Trainable } from './model';
import { Totals } from './model';
import type { Progress } from './progress';

/** One epoch's figures: means over the samples, those of the validation data under `val...` names. */
export interface EpochReport {
  readonly epoch: number;
  readonly seconds: number;
  readonly samplesPerSecond: number;
  /** loss, each metric, and valLoss, valAccuracy, ... where there is validation data. */
  readonly figures: Readonly<Record<string, number>>;
}

/** What fit resolves with. */
export interface History {
  readonly epochs: readonly EpochReport[];
  /** The loss of every step, in order. */
  readonly losses: readonly number[];
  readonly steps: number;
  /** Seconds spent in training steps, validation left out. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
  /** Whether the signal ended the run; the last step begun was finished. */
  readonly aborted: boolean;
}

/** What fit is told. */
export interface FitOptions {
  readonly train: Dataset;
  readonly validation?: Dataset;
  readonly batch?: number;
  readonly epochs?: number;
  readonly loss: Loss;
  readonly optimizer: Stepper;
  readonly metrics?: readonly Metric[];
  /** Order of the samples and random ops follow from it, 0 unless said. */
  readonly seed?: number;
  readonly shuffle?: boolean;
  /** Finishes the step under way, then resolves with what there is. */
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  readonly onEpoch?: (report: EpochReport) => void | Promise<void>;
}

// Steps under way at once: one running, one waiting, so that neither thread waits for the other.
const PENDING = 2;

interface Pending {
  readonly samples: number;
  readonly values: Promise<Float32Array>;
}

/** What one run of fit keeps. */
class Run {
  readonly epochs: EpochReport[] = [];
  readonly losses: number[] = [];
  seconds = 0;
  samples = 0;
  totals = new Totals();
  readonly #pending: Pending[] = [];
  readonly #metrics: [string, Loss][];

  constructor(
    readonly model: Trainable,
    readonly options: FitOptions,
  ) {
    this.#metrics = resolveMetrics('fit', options.metrics ?? []);
  }

  // One step, submitted; its figures arrive later.
  begin(x: Tensor, target: Tensor): void {
    const { loss, optimizer } = this.options;
    const figures = scope(() => {
      const output = this.model.forward(x);
      const value = loss(output, target);
      value.backward();
      optimizer.step();
      return packed(value, output, target, this.#metrics);
    });
    const values = (figures.read() as Promise<Float32Array>).finally(() => figures.dispose());
    // Awaited in settle(); until then a failure must not count as unhandled.
    values.catch(() => undefined);
    this.#pending.push({ samples: x.shape[0] ?? 0, values });
  }

  // Waits until at most `left` steps are under way.
  async settle(left: number): Promise<void> {
    while (this.#pending.length > left) {
      const { samples, values } = this.#pending.shift() as Pending;
      const figures = unpacked(await values, this.#metrics);
      this.totals.add(samples, figures);
      this.losses.push(figures.get('loss') ?? NaN);
      this.options.progress?.update(this.totals.samples, Object.fromEntries(figures));
    }
  }

  async drain(): Promise<void> {
    await Promise.allSettled(this.#pending.map(({ values }) => values));
    this.#pending.length = 0;
  }

  history(aborted: boolean): History {
    const { epochs, losses, seconds, samples } = this;
    const samplesPerSecond = seconds > 0 ? samples / seconds : 0;
    return { epochs, losses, steps: losses.length, seconds, samplesPerSecond, aborted };
  }
}

function check(options: FitOptions): { batch: number; epochs: number; seed: number } {
  const { batch = 32, epochs = 1, seed = 0 } = options;
  if (!Number.isSafeInteger(epochs) || epochs < 1) {
    throw new ValueError('fit', `epochs is ${String(epochs)}; use an integer of 1 and more`);
  }
  for (const name of ['train', 'loss', 'optimizer'] as const) {
    if (options[name] === undefined || options[name] === null)
      throw new ValueError('fit', `${name} is missing; give one`);
  }
  return { batch, epochs, seed };
}

const validationName = (name: string): string => `val${name.charAt(0).toUpperCase()}${name.slice(1)}`;

async function validate(run: Run): Promise<Record<string, number>> {
  const { validation, loss, metrics, batch, signal } = run.options;
  if (validation === undefined || signal?.aborted) return {};
  const figures = await evaluate(run.model, validation, {
    loss,
    metrics: metrics ?? [],
    batch: Math.max(batch ?? 32, 256),
  });
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [validationName(name), value]));
}

async function runEpoch(run: Run, epoch: number, batch: number, seed: number): Promise<void> {
  const { train, signal, shuffle = true, progress, onEpoch } = run.options;
  const start = performance.now();
  run.totals = new Totals();
  for await (const { x, target } of loader(train, { batch, shuffle, seed, epoch })) {
    if (signal?.aborted) break;
    run.begin(x, target);
    await run.settle(PENDING - 1);
  }
  await run.settle(0);
  const seconds = (performance.now() - start) / 1000;
  const { samples } = run.totals;
  run.seconds += seconds;
  run.samples += samples;
  if (samples === 0) return;
  const figures = { ...run.totals.means(), ...(await validate(run)) };
  const report = { epoch, seconds, samplesPerSecond: samples / seconds, figures };
  run.epochs.push(report);
  progress?.endEpoch(figures);
  await onEpoch?.(report);
}

/**
 * Trains `model` on `train`: shuffled batches, forward, loss, backward, optimizer step; validation after each epoch. The
 * same seed, data and model give the same losses bit for bit, on any number of threads. This thread only submits work.
 * Rejects with the first failure, a bad class id say; the model then has the weights of the last good step.
 *
 * @example
 * await fit(model, { train, batch: 64, epochs: 5, loss: nn.crossEntropy, optimizer, metrics: ['accuracy'], seed: 1 });
 */
export async function fit(model: Trainable, options: FitOptions): Promise<History> {
  const { batch, epochs, seed } = check(options);
  const run = new Run(model, options);
  const training = model.training;
  seedRandom(seed);
  model.train(true);
  try {
    for (let epoch = 0; epoch < epochs && !options.signal?.aborted; epoch++)
      await runEpoch(run, epoch, batch, seed);
  } finally {
    await run.drain();
    options.progress?.close();
    model.train(training);
  }
  return run.history(options.signal?.aborted ?? false);
}
