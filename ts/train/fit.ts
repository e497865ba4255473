// fit(): the usual training loop.
import { inspect } from 'node:util';
import type { Dataset } from '../data/dataset';
import { loader } from '../data/loader';
import type { Loader } from '../data/loader';
import { ValueError } from '../errors';
import { checkOptions } from '../handle';
import { checkPrecision } from '../precision';
import type { Precision } from '../precision';
import { seed as seedRandom } from '../random';
import { checkTuning } from '../tuning';
import type { TuningOptions } from '../tuning';
import { Optimizer } from '../optim';
import { checkDataset, checkInteger } from './check';
import { evaluate } from './evaluate';
import type { Loss, Metric, Stepper, Trainable } from './model';
import { keepModes, placeOf, Totals } from './model';
import type { Progress } from './progress';
import { Steps } from './steps';

/** One epoch's figures: means over the samples, those of the validation data under `val...` names. */
export interface EpochReport {
  /** 0 for the first. */
  readonly epoch: number;
  /** Seconds of the training steps, validation left out. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
  /** loss, each metric, and valLoss, valAccuracy, ... where there is validation data. */
  readonly figures: Readonly<Record<string, number>>;
}

/** What fit resolves with. */
export interface History {
  /** The epochs that were finished. */
  readonly epochs: readonly EpochReport[];
  /** The loss of every step, in order. */
  readonly losses: readonly number[];
  readonly steps: number;
  /** Seconds spent in training steps, validation left out. */
  readonly seconds: number;
  readonly samplesPerSecond: number;
  /** Whether the signal ended the run; the steps begun were finished. */
  readonly aborted: boolean;
}

/** What fit is told. */
export interface FitOptions extends TuningOptions {
  readonly train: Dataset;
  /** Measured after each epoch. */
  readonly validation?: Dataset;
  /** Samples per step, 32 unless said; the last of an epoch may have fewer. */
  readonly batch?: number;
  /** Passes over the data, 1 unless said. */
  readonly epochs?: number;
  readonly loss: Loss;
  readonly optimizer: Stepper;
  /** The learning rate of step 0, 1, ... of this run, written to the optimizer. */
  readonly schedule?: (step: number) => number;
  readonly metrics?: readonly Metric[];
  /** What the order of the samples and random ops follow from, 0 unless said. */
  readonly seed?: number;
  /** A new order every epoch; on unless said. */
  readonly shuffle?: boolean;
  /** Leave out the smaller last batch; off unless said. */
  readonly dropLast?: boolean;
  /** Finishes the steps under way, then resolves with what there is. */
  readonly signal?: AbortSignal;
  readonly progress?: Progress;
  /**
   * Record the step once and replay it, which is faster and needs model, loss and metrics to be functions of their tensors
   * alone; on unless said for the optimizers of `optim`, off for others. Off serves to debug.
   */
  readonly compile?: boolean;
  /** What products of the training steps keep of f32 operands, forward and backward; `'f32'` unless said. */
  readonly precision?: Precision;
  readonly onEpoch?: (report: EpochReport) => void | Promise<void>;
}

const names: readonly (keyof FitOptions)[] = [
  'train', 'validation', 'batch', 'epochs', 'loss', 'optimizer', 'schedule', 'metrics', 'seed', 'shuffle', 'dropLast',
  'signal', 'progress', 'compile', 'precision', 'tune', 'tuned', 'onEpoch',
]; // prettier-ignore

type Settings = FitOptions &
  Required<Pick<FitOptions, 'batch' | 'epochs' | 'seed' | 'compile' | 'precision'>>;

function check(model: Trainable, given: FitOptions): Settings {
  if (typeof model?.forward !== 'function' || typeof model.train !== 'function') {
    throw new ValueError(
      'fit',
      `the model is ${inspect(model, { depth: 0 })}; give a module with forward(x)`,
    );
  }
  if (typeof given !== 'object' || given === null)
    throw new ValueError('fit', 'got no options; give train, loss and optimizer');
  checkOptions('fit', given, names);
  const settings = {
    ...given,
    batch: given.batch ?? 32,
    epochs: given.epochs ?? 1,
    seed: given.seed ?? 0,
    compile: given.compile ?? given.optimizer instanceof Optimizer,
    precision: checkPrecision('fit', given.precision),
  };
  checkDataset('fit', 'train', settings.train);
  if (settings.validation !== undefined) checkDataset('fit', 'validation', settings.validation);
  checkInteger('fit', 'batch', settings.batch, 1);
  checkInteger('fit', 'epochs', settings.epochs, 1);
  checkInteger('fit', 'seed', settings.seed, 0);
  if (settings.dropLast === true && settings.batch > settings.train.size) {
    throw new ValueError(
      'fit',
      `dropLast leaves nothing of ${settings.train.size} samples in batches of ${settings.batch}`,
    );
  }
  if (typeof settings.optimizer?.step !== 'function') {
    throw new ValueError(
      'fit',
      `optimizer is ${inspect(settings.optimizer, { depth: 0 })}; give one of optim`,
    );
  }
  checkTuning('fit', settings, settings.compile);
  if (settings.schedule !== undefined && settings.optimizer.lr === undefined) {
    throw new ValueError('fit', 'a schedule needs an optimizer with a learning rate lr');
  }
  return settings;
}

const validationName = (name: string): string => `val${name.charAt(0).toUpperCase()}${name.slice(1)}`;

async function validate(model: Trainable, settings: Settings): Promise<Record<string, number>> {
  const { validation, loss, metrics, batch, signal } = settings;
  if (validation === undefined) return {};
  try {
    const figures = await evaluate(model, validation, {
      loss,
      batch: Math.max(batch, 256),
      ...(metrics === undefined ? {} : { metrics }),
      ...(signal === undefined ? {} : { signal }),
    });
    return Object.fromEntries(Object.entries(figures).map(([name, value]) => [validationName(name), value]));
  } catch (error) {
    if (signal?.aborted && error === signal.reason) return {};
    throw error;
  }
}

// One epoch of training steps; undefined where the signal ended it early.
async function trainEpoch(steps: Steps, batches: Loader, epoch: number): Promise<EpochReport | undefined> {
  const { signal } = steps.settings;
  const totals = new Totals();
  const start = performance.now();
  let isWhole = true;
  for await (const { x, target } of batches) {
    if (signal?.aborted) {
      isWhole = false;
      break;
    }
    const tuning = steps.tuning(x, target);
    if (tuning !== undefined) await tuning;
    steps.begin(x, target);
    await steps.settle(totals, 1);
  }
  await steps.settle(totals, 0);
  const seconds = (performance.now() - start) / 1000;
  steps.count(totals.samples, seconds);
  return isWhole
    ? { epoch, seconds, samplesPerSecond: totals.samples / seconds, figures: totals.means() }
    : undefined;
}

async function runEpochs(model: Trainable, settings: Settings, steps: Steps): Promise<EpochReport[]> {
  const { train, batch, seed, shuffle = true, dropLast = false, signal, progress, onEpoch } = settings;
  const batches = loader(train, { batch, shuffle, seed, dropLast, ...placeOf(model) });
  const reports: EpochReport[] = [];
  for (let epoch = 0; epoch < settings.epochs && !signal?.aborted; epoch++) {
    const trained = await trainEpoch(steps, batches, epoch);
    if (trained === undefined) break;
    const report = { ...trained, figures: { ...trained.figures, ...(await validate(model, settings)) } };
    reports.push(report);
    progress?.endEpoch(report.figures);
    await onEpoch?.(report);
  }
  return reports;
}

// Dropout and the like draw from a generator of their own seed, or they would repeat the numbers that made the weights
// of a model seeded alike.
const stepSeed = (seed: number): number => (seed + 2 ** 52) % 2 ** 53;

/**
 * Trains `model` on `train`: shuffled batches, forward, loss, backward, optimizer step; validation after each epoch. The
 * same seed, data and model give the same losses bit for bit, on any number of threads. This thread only submits work.
 * Gradients left from before are cleared. Rejects with ValueError for options that make no sense and with the first failure
 * while running, a bad class id say; the failing step has then changed no weight.
 *
 * @example
 * const run = await fit(model, { train, batch: 16, epochs: 2, loss: nn.crossEntropy, optimizer, metrics: ['accuracy'] });
 * run.steps; // 8
 */
export async function fit(model: Trainable, options: FitOptions): Promise<History> {
  const settings = check(model, options);
  const { optimizer, seed, signal, progress } = settings;
  const steps = new Steps(model, settings);
  const restore = keepModes(model);
  optimizer.zeroGrad?.();
  seedRandom(stepSeed(seed));
  model.train(true);
  try {
    const epochs = await runEpochs(model, settings, steps);
    return { epochs, ...steps.figures(), aborted: signal?.aborted ?? false };
  } finally {
    await steps.drain();
    optimizer.zeroGrad?.();
    progress?.close();
    restore();
  }
}
