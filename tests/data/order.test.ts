// Seeded orders: known words of PCG32, permutations, and how even they are.
import { epochOrder, Pcg32 } from '../../ts/data/order';
import { ValueError } from '../../ts/errors';

// The generator over 64-bit integers, straight from its definition.
function* pcg32(seed: bigint, stream: bigint): Generator<number> {
  const mask = (1n << 64n) - 1n;
  const increment = ((stream << 1n) | 1n) & mask;
  const step = (state: bigint): bigint => (state * 6364136223846793005n + increment) & mask;
  let state = step((step(0n) + seed) & mask);
  for (;;) {
    const word = Number((((state >> 18n) ^ state) >> 27n) & 0xffffffffn);
    const turn = Number(state >> 59n);
    yield ((word >>> turn) | (word << ((32 - turn) & 31))) >>> 0;
    state = step(state);
  }
}

describe('Pcg32', () => {
  test('gives the words of the published demonstration (seed 42, stream 54)', () => {
    const random = new Pcg32(42, 54);
    const words = Array.from({ length: 6 }, () => random.next());
    expect(words).toEqual([0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e]);
  });

  test.each([
    [0, 0],
    [1, 0],
    [2 ** 32 - 1, 2 ** 32 + 7],
    [2 ** 32, 2 ** 31],
    [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
    [123456789012345, 987654321098765],
  ])('equals the 64-bit definition for seed %d and stream %d', (seed, stream) => {
    const random = new Pcg32(seed, stream);
    const reference = pcg32(BigInt(seed), BigInt(stream));
    for (let i = 0; i < 2000; i++) expect(random.next()).toBe(reference.next().value);
  });

  test('below() is even for a bound that does not divide 2^32', () => {
    const random = new Pcg32(7);
    const counts = new Array<number>(7).fill(0);
    const draws = 70000;
    for (let i = 0; i < draws; i++) {
      const value = random.below(7);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    // chi-squared with 6 degrees of freedom: 22.5 is exceeded once in a thousand.
    const expected = draws / 7;
    expect(counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)).toBeLessThan(22.5);
  });

  test('below() draws the words of an incomplete round again', () => {
    const random = new Pcg32(9);
    const third = 2 ** 30;
    let low = 0;
    for (let i = 0; i < 30000; i++) if (random.below(3 * third) < third) low++;
    // A third of the draws, with a deviation of 82; the plain remainder would give a half.
    expect(Math.abs(low - 10000)).toBeLessThan(400);
  });

  test('refuses seeds that are not integers of 0..2^53 - 1', () => {
    for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
      expect(() => new Pcg32(seed)).toThrow(ValueError);
    }
    expect(() => new Pcg32(1, -2)).toThrow('Pcg32: stream is -2; use an integer of 0..9007199254740991');
  });
});

describe('epochOrder', () => {
  test('is the identity without shuffling, whatever the seed', () => {
    expect([...epochOrder(5, { shuffle: false, seed: 3, epoch: 2 })]).toEqual([0, 1, 2, 3, 4]);
  });

  test('is a fixed permutation', () => {
    expect([...epochOrder(10, { seed: 1, epoch: 0 })]).toEqual([3, 2, 8, 6, 9, 4, 0, 5, 1, 7]);
  });

  test('is a permutation for every size', () => {
    for (let size = 0; size < 200; size++) {
      const sorted = epochOrder(size, { seed: size, epoch: 3 }).toSorted();
      expect([...sorted]).toEqual(Array.from({ length: size }, (_, i) => i));
    }
  });

  test('differs between epochs and between seeds, and repeats for equal ones', () => {
    const order = (seed: number, epoch: number): string => epochOrder(50, { seed, epoch }).join();
    expect(order(1, 1)).toBe(order(1, 1));
    const all = [order(1, 0), order(1, 1), order(1, 2), order(2, 0), order(2, 1), order(0, 1), order(0, 2)];
    expect(new Set(all).size).toBe(all.length);
  });

  test('gives all orders of four about equally often over epochs', () => {
    const counts = new Map<string, number>();
    const epochs = 24000;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const key = epochOrder(4, { seed: 5, epoch }).join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const expected = epochs / 24;
    let chi = 0;
    for (const count of counts.values()) chi += (count - expected) ** 2 / expected;
    // 23 degrees of freedom: 49.7 is exceeded once in a thousand.
    expect(chi).toBeLessThan(49.7);
  });

  test('refuses sizes, seeds and epochs that are no counts', () => {
    expect(() => epochOrder(NaN)).toThrow('epochOrder: size is NaN; use an integer of 0..2147483647');
    expect(() => epochOrder(-1)).toThrow(ValueError);
    expect(() => epochOrder(2 ** 31)).toThrow(ValueError);
    expect(() => epochOrder(3, { seed: 1.5 })).toThrow(
      'epochOrder: seed is 1.5; use an integer of 0..9007199254740991',
    );
    expect(() => epochOrder(3, { epoch: -1 })).toThrow('epochOrder: epoch is -1');
  });
});
