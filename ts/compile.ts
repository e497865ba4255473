// compile(): a function of tensors recorded once for each signature, then replayed in the background.
import { inspect, types } from 'node:util';
import { StateError, ValueError } from './errors';
import { checkCallback, checkOptions, kHandle, wrap } from './handle';
import type { TensorLike } from './handle';
import { native } from './native';
import type { Handle, PassReport, PlanRef } from './native';
import { whenNextMayRun } from './pace';
import { checkPrecision, withPrecision } from './precision';
import type { Precision } from './precision';
import { readsOf } from './structure';
import type { Structure } from './structure';
import type { Tensor } from './tensor';
import { collected, Signature } from './tree';
import type { Tree } from './tree';
import { tunerOf } from './tuning';
import type { Tuner, TuningOptions } from './tuning';

export type { PassReport } from './native';

/** How a step is compiled. */
export interface CompileOptions extends TuningOptions {
  /** The passes run on the recording; on unless said. Without them the commands are those of the eager step. */
  readonly optimise?: boolean;
  /** Recordings kept for signatures seen before, 16 unless said: the one unused for longest goes. */
  readonly cache?: number;
  /** What products inside keep of f32 operands, forward and backward; `'f32'` unless said. */
  readonly precision?: Precision;
}

/** A compiled function. Calling it runs one step in the background. */
export interface Step<A extends readonly unknown[], R> {
  /**
   * Submits a run. Resolves with the results, as deferred tensors, once another run may be submitted; rejects with a
   * failure of earlier steps. At most two runs are under way: a third call throws unless the earlier ones were awaited.
   */
  (...args: A): Promise<R>;
  /** The function itself. */
  readonly body: (...args: A) => R;
  /** Records for the signature of these arguments, without running anything. */
  prepare(...args: A): void;
  /** Runs the step for each list of arguments, awaiting where it must; gives the results in order. */
  many(batches: Iterable<A> | AsyncIterable<A>): Promise<R[]>;
  /** The program as recorded and after each pass, for the signature used last. */
  explain(): readonly PassReport[];
  /** How many recordings have been made so far. */
  readonly recordings: number;
  /** Gives back the memory of all recordings; further calls record anew. */
  dispose(): void;
}

interface Recording {
  readonly key: string;
  readonly plan: PlanRef;
  readonly structure: Structure;
  readonly results: Tree;
  // Recorded for arguments that are tensors themselves: those need no signature to be recognised.
  readonly flat: boolean;
  // Methods of its commands are still to be measured.
  untuned: boolean;
}

// How a step is recorded.
interface Manner {
  readonly optimise: boolean;
  readonly precision: Precision;
  readonly tuner: Tuner | undefined;
}

// Calls of one step that may be made before any of them is awaited.
const UNAWAITED = 2;

const settled = Promise.resolve();

// Handles for results, made ahead of need.
const BLANKS = 32;
const blanks: Handle[] = [];

/** A run of the recording; undefined where it is not for these arguments, or for states that are different now. */
function runOf(
  recording: Recording | undefined,
  handles: readonly Handle[] | undefined,
  timed: boolean,
): Tensor[] | undefined {
  if (recording === undefined || handles === undefined || recording.untuned) return undefined;
  const count = recording.results.handles.length;
  if (blanks.length < count) blanks.push(...native.planBlanks(Math.max(BLANKS, count)));
  const all: Handle[] = [];
  const tensors: Tensor[] = [];
  for (let i = 0; i < count; i++) {
    const result = blanks.pop() as Handle;
    all.push(result);
    tensors.push(wrap(result));
  }
  all.push(...handles);
  return native.planRun(recording.plan, timed, ...all) ? tensors : undefined;
}

const handlesOf = (args: readonly unknown[]): Handle[] | undefined => {
  const handles: Handle[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    if (typeof arg !== 'object' || arg === null || !(kHandle in arg)) return undefined;
    handles.push((arg as TensorLike)[kHandle]);
  }
  return handles;
};

let recordingNow = false;

/** Whether a step is being recorded. */
export const isRecording = (): boolean => recordingNow;

function record<A extends readonly unknown[], R>(
  body: (...args: A) => R,
  args: Signature,
  { optimise, precision, tuner }: Manner,
): Recording {
  const placeholders = native.recordBegin(args.tree.handles);
  recordingNow = true;
  try {
    const tensors = placeholders.map(handle => wrap(handle));
    const [result, structure] = readsOf(() =>
      withPrecision(precision, () => body(...(args.tree.rebuild(tensors) as A))),
    );
    if (types.isPromise(result)) {
      result.catch(() => undefined);
      throw new StateError('compile', 'the function returned a promise; use a synchronous function');
    }
    const results = collected(result);
    const plan = native.recordEnd(results.handles, optimise, tuner?.methods());
    const untuned = tuner?.check(plan) ?? false;
    return { key: args.key, plan, structure, results, flat: args.flat, untuned };
  } catch (error) {
    native.recordAbort();
    throw error;
  } finally {
    recordingNow = false;
  }
}

class Compiled<A extends readonly unknown[], R> {
  // Those used last come first. One signature has several where modes or gradients come and go.
  readonly #recordings: Recording[] = [];
  readonly #body: (...args: A) => R;
  readonly #how: Manner;
  readonly #limit: number;
  #made = 0;
  #warned = false;
  // While methods are measured.
  #tuning: Promise<void> | undefined;
  // Runs submitted since JavaScript last went on with whatever waits.
  #unawaited = 0;
  readonly #awaited = (): void => {
    this.#unawaited = 0;
  };

  constructor(body: (...args: A) => R, options: CompileOptions) {
    const { optimise = true, precision, cache = 16 } = options;
    if (!Number.isSafeInteger(cache) || cache < 1) {
      throw new ValueError('compile', `cache is ${String(cache)}; use an integer of 1 and more`);
    }
    this.#body = body;
    this.#how = {
      optimise,
      precision: checkPrecision('compile', precision),
      tuner: tunerOf(options, optimise),
    };
    this.#limit = cache;
  }

  get made(): number {
    return this.#made;
  }

  /** The recording that fits the arguments and the state of everything it read. */
  find(args: A): [Recording, readonly Handle[]] {
    const signature = new Signature(args);
    const position = this.#recordings.findIndex(
      ({ key, structure, plan }) =>
        key === signature.key && structure.unchanged() && native.planMatches(plan),
    );
    if (position === 0) return [this.#recordings[0] as Recording, signature.handles];
    const known = this.#recordings.splice(position, position < 0 ? 0 : 1)[0];
    const used = known ?? record(this.#body, signature, this.#how);
    this.#recordings.unshift(used);
    if (known === undefined) {
      this.#made++;
      this.#report(used);
      this.#trim();
    }
    return [used, signature.handles];
  }

  run(args: A, timed = false): Promise<R> {
    this.#checkPace();
    if (this.#tuning !== undefined) return this.#runAfter(this.#tuning, args, timed);
    let recording = this.#recordings[0];
    let handles: readonly Handle[] | undefined =
      recording?.flat === true && recording.structure.unchanged() ? handlesOf(args) : undefined;
    let tensors = runOf(recording, handles, timed);
    if (tensors === undefined) {
      [recording, handles] = this.find(args);
      if (recording.untuned) return this.#runAfter(this.#tune(recording), args, timed);
      tensors = runOf(recording, handles, timed);
    }
    if (recording === undefined || tensors === undefined) {
      throw new StateError('compile', 'a state changed while the step was recorded; call it again');
    }
    if (this.#unawaited++ === 0) void settled.then(this.#awaited);
    return whenNextMayRun(recording.results.rebuild(tensors) as R, tensors);
  }

  /** Measures what a run for these arguments would measure first; undefined where there is nothing. */
  tune(args: A): Promise<void> | undefined {
    if (this.#how.tuner?.measures !== true) return undefined;
    const [recording] = this.find(args);
    return recording.untuned ? this.#tune(recording) : undefined;
  }

  #tune(recording: Recording): Promise<void> {
    this.#tuning ??= (this.#how.tuner as Tuner)
      .tune(recording.plan)
      .then(() => {
        recording.untuned = false;
      })
      .finally(() => {
        this.#tuning = undefined;
      });
    return this.#tuning;
  }

  // By then the arguments may have been freed, or their scope may have ended.
  async #runAfter(tuning: Promise<void>, args: A, timed: boolean): Promise<R> {
    if (this.#unawaited++ === 0) void settled.then(this.#awaited);
    const { tree } = new Signature(args);
    const held = tree.handles.map(handle => wrap(native.hold(handle)));
    try {
      await tuning;
      return await this.run(tree.rebuild(held) as A, timed);
    } finally {
      for (const tensor of held) tensor.dispose();
    }
  }

  explain(): readonly PassReport[] {
    const { last } = this;
    if (last === undefined) {
      throw new StateError('explain', 'nothing is recorded yet; call the step or prepare() first');
    }
    return native.planReports(last);
  }

  get last(): PlanRef | undefined {
    return this.#recordings[0]?.plan;
  }

  dispose(): void {
    for (const { plan } of this.#recordings.splice(0)) native.planDispose(plan);
  }

  // Runs may be done before anything was awaited: what counts is whether the caller waits at all.
  #checkPace(): void {
    if (this.#unawaited < UNAWAITED) return;
    throw new StateError(
      'compile',
      `${UNAWAITED} runs of the step are under way; await each call before the next`,
    );
  }

  #trim(): void {
    if (this.#recordings.length <= this.#limit) return;
    const oldest = this.#recordings.pop();
    if (oldest !== undefined) native.planDispose(oldest.plan);
    if (this.#warned) return;
    this.#warned = true;
    process.emitWarning(
      `compile: more than ${this.#limit} signatures; pad inputs to few shapes and pass numbers that vary as tensors, ` +
        'or raise the option cache',
      'HebbWarning',
    );
  }

  // Once for each step: a layer that the optimizer does not know of learns nothing, silently.
  #report(fresh: Recording): void {
    const { forgotten } = native.planFigures(fresh.plan);
    if (forgotten.length === 0 || this.#made > 1) return;
    process.emitWarning(
      `compile: ${forgotten.length} parameters get a gradient that no optimizer of the step uses: ` +
        `shapes ${forgotten.join(', ')}; give them to the optimizer or freeze them`,
      'HebbWarning',
    );
  }
}

// The compiled form behind a step, for profile().
const compiled = new WeakMap<object, unknown>();

/** Runs the step once, timed; the plan that ran. For profile(). */
export async function timedRun<A extends readonly unknown[], R>(
  step: Step<A, R>,
  args: A,
): Promise<[PlanRef, R]> {
  const form = compiled.get(step) as Compiled<A, R> | undefined;
  if (form === undefined) {
    throw new ValueError('profile', `step is ${inspect(step, { depth: 0 })}; give what compile() returned`);
  }
  const result = await form.run(args, true);
  return [form.last as PlanRef, result];
}

/** Measures what a run for these arguments would measure first; undefined where there is nothing. For fit(). */
export const tuningOf = <A extends readonly unknown[], R>(
  step: Step<A, R>,
  args: A,
): Promise<void> | undefined => (compiled.get(step) as Compiled<A, R> | undefined)?.tune(args);

/**
 * A function of tensors made fast: it is run once for each signature (shapes and dtypes of the arguments, and everything
 * it read: modes, frozen parameters, modules in properties) with placeholders, and what it did is recorded, optimised and
 * replayed by each call, off this thread. Forward, backward and `optimizer.step()` belong inside. States are read and
 * written in place; a JavaScript number is a constant of the recording, what varies is a tensor argument or a state.
 * Results carry no gradient. Inside another compiled function it is part of that one.
 *
 * @example
 * const step = compile((x: Tensor, target: Tensor) => {
 *   const loss = nn.crossEntropy(model.forward(x), target);
 *   loss.backward();
 *   optimizer.step();
 *   return loss;
 * });
 * const loss = await step(x, target);
 * (await loss.item()) > 0; // true
 */
export function compile<A extends readonly unknown[], R>(
  body: (...args: A) => R,
  options: CompileOptions = {},
): Step<A, R> {
  checkCallback('compile', 'the function', body);
  checkOptions('compile', options, ['optimise', 'cache', 'precision', 'tune', 'tuned']);
  const form = new Compiled(body, options);
  // Inside another recording the result itself.
  const call = (...args: A): unknown => (recordingNow ? body(...args) : form.run(args));
  const step = Object.assign(call, {
    body,
    prepare: (...args: A) => void form.find(args),
    many: async (batches: Iterable<A> | AsyncIterable<A>) => {
      const results: R[] = [];
      for await (const args of batches) results.push(await form.run(args));
      return results;
    },
    explain: () => form.explain(),
    dispose: () => form.dispose(),
  });
  Object.defineProperty(step, 'recordings', { get: () => form.made });
  compiled.set(step, form);
  return step as Step<A, R>;
}
