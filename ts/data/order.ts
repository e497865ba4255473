// Seeded orders of samples: PCG32 in pure 32-bit integers, so every machine draws the same words.
import { ValueError } from '../errors';

// Taken out of the global object once: in a sandbox (a vm context, a test) each look-up there costs a call.
const { floor, imul } = Math;

// 64-bit constants as high and low words: the multiplier is Knuth's MMIX, the one PCG uses.
const MULTIPLIER_HIGH = 0x5851f42d;
const MULTIPLIER_LOW = 0x4c957f2d;
const TWO_32 = 4294967296;

// High 32 bits of the 64-bit product of two unsigned 32-bit words, by 16-bit halves.
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = a0 * b1 + (middle & 0xffff);
  return (a1 * b1 + floor(middle / 65536) + floor(carry / 65536)) >>> 0;
}

/** PCG32 (XSH RR 64/32; O'Neill 2014): 32-bit words from a seed and an independent stream number. */
export class Pcg32 {
  private high = 0;
  private low = 0;
  private readonly incrementHigh: number;
  private readonly incrementLow: number;

  /** `seed` and `stream` are integers of 0..2^53 - 1. */
  constructor(seed: number, stream = 0) {
    checkSeed('Pcg32', 'seed', seed);
    checkSeed('Pcg32', 'stream', stream);
    const streamHigh = floor(stream / TWO_32);
    // increment = 2 * stream + 1, modulo 2^64.
    this.incrementHigh = ((streamHigh << 1) | (stream >>> 31)) >>> 0;
    this.incrementLow = ((stream << 1) | 1) >>> 0;
    this.step();
    const low = this.low + (seed >>> 0);
    this.low = low >>> 0;
    this.high = (this.high + floor(seed / TWO_32) + (low >= TWO_32 ? 1 : 0)) >>> 0;
    this.step();
  }

  // state = state * multiplier + increment, modulo 2^64.
  private step(): void {
    const { high, low } = this;
    const sum = (imul(low, MULTIPLIER_LOW) >>> 0) + this.incrementLow;
    this.low = sum >>> 0;
    this.high =
      (mulHigh(low, MULTIPLIER_LOW) +
        (imul(low, MULTIPLIER_HIGH) >>> 0) +
        (imul(high, MULTIPLIER_LOW) >>> 0) +
        this.incrementHigh +
        (sum >= TWO_32 ? 1 : 0)) >>>
      0;
  }

  /** The next word, 0..2^32 - 1. */
  next(): number {
    const { high, low } = this;
    this.step();
    // ((state >> 18) ^ state) >> 27, its low word; then a rotation by the top five bits.
    const foldedLow = (((low >>> 18) | (high << 14)) ^ low) >>> 0;
    const foldedHigh = ((high >>> 18) ^ high) >>> 0;
    const word = ((foldedLow >>> 27) | (foldedHigh << 5)) >>> 0;
    const turn = high >>> 27;
    return ((word >>> turn) | (word << (-turn & 31))) >>> 0;
  }

  /** A whole number of 0..bound - 1, without bias: words of the incomplete last round are drawn again. */
  below(bound: number): number {
    const incomplete = TWO_32 % bound;
    for (;;) {
      const word = this.next();
      if (word >= incomplete) return word % bound;
    }
  }

  /** A number of [0, 1) with 32 random bits. */
  uniform(): number {
    return this.next() / TWO_32;
  }
}

/** Throws a ValueError unless `value` is an integer of 0..2^53 - 1. */
export function checkSeed(op: string, name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ValueError(op, `${name} is ${String(value)}; use an integer of 0..${Number.MAX_SAFE_INTEGER}`);
  }
}

/** Shuffles `values` in place (Fisher-Yates) with the words of `random`. */
export function shuffle(values: Int32Array, random: Pcg32): Int32Array {
  for (let i = values.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const value = values[i] as number;
    values[i] = values[j] as number;
    values[j] = value;
  }
  return values;
}

/** How the samples of one epoch are ordered; the same three values give the same order everywhere. */
export interface OrderOptions {
  seed?: number;
  epoch?: number;
  shuffle?: boolean;
}

/**
 * The rows 0..size - 1 in the order of one epoch: as they are, or shuffled by `seed` and `epoch`.
 */
export function epochOrder(size: number, options: OrderOptions = {}): Int32Array {
  const op = 'epochOrder';
  const { seed = 0, epoch = 0, shuffle: shuffled = true } = options;
  if (!Number.isInteger(size) || size < 0 || size > 0x7fffffff) {
    throw new ValueError(op, `size is ${String(size)}; use an integer of 0..2147483647`);
  }
  checkSeed(op, 'seed', seed);
  checkSeed(op, 'epoch', epoch);
  const rows = new Int32Array(size);
  for (let i = 0; i < size; i++) rows[i] = i;
  return shuffled ? shuffle(rows, new Pcg32(seed, epoch)) : rows;
}
