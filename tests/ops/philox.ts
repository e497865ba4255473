// Philox4x32-10 with big integers: the words that references of random ops are computed from.

const mask = 0xffffffffn;

/** The four words of block `counter` under `seed`. */
export function philox(seed: bigint, counter: bigint): number[] {
  let [c0, c1, c2, c3] = [counter & mask, counter >> 32n, 0n, 0n];
  let [k0, k1] = [seed & mask, seed >> 32n];
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0;
    const p1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3].map(Number);
}

/** Word i of the stream that starts at counter 0. */
export function word(seed: number, i: number): number {
  return philox(BigInt(seed), BigInt(Math.floor(i / 4)))[i % 4] ?? NaN;
}

/** Uniform in [0, 1) of 24 bits. */
export const fraction24 = (seed: number, i: number): number => (word(seed, i) >>> 8) / 2 ** 24;

/** Uniform in [0, 1) of 53 bits, from words 2i and 2i + 1. */
export const fraction53 = (seed: number, i: number): number =>
  (word(seed, 2 * i) * 2 ** 21 + (word(seed, 2 * i + 1) >>> 11)) / 2 ** 53;
