// Training steps under way: submitted here, their figures awaited later.
import { compile, tuningOf } from '../compile';
import type { Step } from '../compile';
import { withPrecision } from '../precision';
import type { Precision } from '../precision';
import { scope } from '../scope';
import type { Tensor } from '../tensor';
import type { TuningOptions } from '../tuning';
import { lossOf, packed, resolveMeasures, unpacked } from './measure';
import type { Measures } from './measure';
import type { Loss, Metric, Stepper, Totals, Trainable } from './model';
import type { Progress } from './progress';

/** What a step needs beside the model. */
export interface StepSettings extends TuningOptions {
  readonly loss: Loss;
  readonly optimizer: Stepper;
  readonly schedule?: (step: number) => number;
  readonly metrics?: readonly Metric[];
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Record the step once and replay it. */
  readonly compile: boolean;
  readonly precision: Precision;
}

interface Pending {
  readonly samples: number;
  readonly values: Promise<Float32Array>;
}

/** The steps of one run of fit. At most two are under way: one runs, one waits, so that neither thread idles. */
export class Steps {
  readonly #losses: number[] = [];
  readonly #pending: Pending[] = [];
  readonly #measures: Measures;
  readonly #compiled: Step<[Tensor, Tensor], Tensor> | undefined;
  #begun = 0;
  #samples = 0;
  #seconds = 0;

  constructor(
    readonly model: Trainable,
    readonly settings: StepSettings,
  ) {
    this.#measures = resolveMeasures('fit', settings.loss, settings.metrics);
    const { precision, tune, tuned } = settings;
    if (!settings.compile) return;
    this.#compiled = compile((x, target) => this.#body(x, target), {
      precision,
      ...(tune === undefined ? {} : { tune }),
      ...(tuned === undefined ? {} : { tuned }),
    });
  }

  /** What has to be measured before a step of these shapes is begun; undefined where there is nothing. */
  tuning(x: Tensor, target: Tensor): Promise<void> | undefined {
    return this.#compiled === undefined ? undefined : tuningOf(this.#compiled, [x, target]);
  }

  /** Submits one step; the batch may be freed afterwards. */
  begin(x: Tensor, target: Tensor): void {
    const { optimizer, schedule } = this.settings;
    if (schedule !== undefined) optimizer.lr = schedule(this.#begun);
    const values = this.#run(x, target);
    this.#begun++;
    // Awaited in settle(); until then a failure must not count as unhandled.
    values.catch(() => undefined);
    this.#pending.push({ samples: x.shape[0] ?? 0, values });
  }

  #run(x: Tensor, target: Tensor): Promise<Float32Array> {
    const read = (figures: Tensor): Promise<Float32Array> =>
      (figures.read() as Promise<Float32Array>).finally(() => figures.dispose());
    if (this.#compiled !== undefined) return this.#compiled(x, target).then(read);
    return read(withPrecision(this.settings.precision, () => scope(() => this.#body(x, target))));
  }

  #body(x: Tensor, target: Tensor): Tensor {
    const output = this.model.forward(x);
    const loss = lossOf('fit', this.#measures, output, target);
    const measured = packed('fit', this.#measures, loss, [output, target]);
    loss.backward();
    this.settings.optimizer.step();
    return measured;
  }

  /** Waits until at most `left` steps are under way; adds the figures of the others to `totals`. */
  async settle(totals: Totals, left: number): Promise<void> {
    for (let oldest = this.#pending[0]; oldest !== undefined && this.#pending.length > left;) {
      const figures = unpacked(this.#measures, await oldest.values);
      this.#pending.shift();
      totals.add(oldest.samples, figures);
      this.#losses.push(figures.get('loss') ?? NaN);
      this.settings.progress?.update(totals.samples, Object.fromEntries(figures));
      oldest = this.#pending[0];
    }
  }

  /** Waits for what is under way and forgets it. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.#pending.map(({ values }) => values));
    this.#pending.length = 0;
    this.#compiled?.dispose();
  }

  /** Notes an epoch's samples and the time they took. */
  count(samples: number, seconds: number): void {
    this.#samples += samples;
    this.#seconds += seconds;
  }

  figures(): { losses: number[]; steps: number; seconds: number; samplesPerSecond: number } {
    const seconds = this.#seconds;
    const samplesPerSecond = seconds > 0 ? this.#samples / seconds : 0;
    return { losses: this.#losses, steps: this.#losses.length, seconds, samplesPerSecond };
  }
}
