// A workload in one mode: its steps run, and are timed in chunks that end with reading the loss.
import { hebb } from '../workloads/hebb.mjs';
import { median } from './statistics.mjs';

// Long against the wait for the last step of a chunk.
const CHUNK_MS = 10;
const WARM_UP_STEPS = 4;

export class Runner {
  /** The losses of the first steps. */
  losses = [];
  firstStepMs = NaN;
  recordMs = 0;
  #built;
  #call;
  #chunk = 1;

  constructor(workload, mode, { precision = 'f32' } = {}) {
    this.#built = workload.build(0);
    const { inputs, step } = this.#built;
    if (mode === 'eager') {
      this.#call = () => hebb.scope(() => step(...inputs));
    } else {
      this.compiled = hebb.compile(step, { precision });
      this.#call = () => this.compiled(...inputs);
    }
  }

  /** Runs steps; the values of the last one's losses, which are its results of one element. */
  async run(count) {
    let last = [];
    for (let i = 0; i < count; i++) {
      for (const result of last) result.dispose();
      last = [await this.#call()].flat();
    }
    const losses = last.filter(({ size }) => size === 1);
    const values = await Promise.all(losses.map(loss => loss.item()));
    for (const result of last) result.dispose();
    return values;
  }

  async timed(count) {
    const begin = performance.now();
    await this.run(count);
    return (performance.now() - begin) / count;
  }

  /** At least a few steps and `seconds`; settles how many steps a chunk has. */
  async warmUp(seconds) {
    const begin = performance.now();
    // The same draws in each mode.
    hebb.seed(1);
    if (this.compiled !== undefined) {
      this.compiled.prepare(...this.#built.inputs);
      this.recordMs = performance.now() - begin;
    }
    for (let i = 0; i < WARM_UP_STEPS; i++) {
      this.losses.push(...(await this.run(1)));
      if (i === 0) this.firstStepMs = performance.now() - begin;
    }
    do {
      const time = await this.timed(this.#chunk);
      this.#chunk = Math.max(1, Math.round(CHUNK_MS / time));
    } while (performance.now() - begin < seconds * 1000);
  }

  /** Steps for `seconds`, at least one chunk and `least` steps: how many, and the median time of one. */
  async window(seconds, least = 1) {
    const begin = performance.now();
    const samples = [];
    do samples.push(await this.timed(this.#chunk));
    while (performance.now() - begin < seconds * 1000 || samples.length * this.#chunk < least);
    return { steps: samples.length * this.#chunk, ms: median(samples) };
  }
}

/** The largest difference of the losses of two runs, relative to their size. */
export function lossDifference(a, b) {
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]) / Math.max(Math.abs(x), Math.abs(b[i]), 1e-30)));
}
