// A fixed piece of work whose time tells whether the machine is as fast as it was.

const ROUNDS = 1_000_000;
const stream = new Float64Array(1 << 20);
const TOLERANCE = 1.03;

// One multiply-add after the other: the clock of the core.
function arithmetic() {
  let x = 1;
  for (let i = 0; i < ROUNDS; i++) x = x * 0.999 + 0.5;
  return x;
}

// 8 MB from the last cache: the bandwidth left.
function bandwidth() {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (let i = 0; i < stream.length; i += 4) {
    a += stream[i];
    b += stream[i + 1];
    c += stream[i + 2];
    d += stream[i + 3];
  }
  return a + b + c + d;
}

function milliseconds(work) {
  const begin = performance.now();
  const value = work();
  const time = performance.now() - begin;
  // Never so: the result has to be looked at.
  if (Number.isNaN(value)) throw new Error('canary');
  return time;
}

/** Of the process, whose best times are what the others are held against. */
export class Canary {
  #best = [Infinity, Infinity];

  constructor() {
    for (let i = 0; i < 10; i++) this.sing();
  }

  /** The times of both pieces. */
  sing() {
    const times = [milliseconds(arithmetic), milliseconds(bandwidth)];
    this.#best = this.#best.map((best, i) => Math.min(best, times[i]));
    return times;
  }

  /** Bytes that one core reads from the last cache in a millisecond, at best. */
  get bandwidth() {
    return stream.byteLength / this.#best[1];
  }

  /** Whether the times are within 3 % of the best so far. */
  isWell(times) {
    return times.every((time, i) => time <= this.#best[i] * TOLERANCE);
  }
}
