// Values for the fuzzer: seeded, from sensible ones to what no caller means.
import { kHandle } from '../../../ts/handle';
import type { ArgSchema } from '../../../ts/native';

/** mulberry32: small, seeded, good enough to choose with. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1). */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(p: number): boolean {
    return this.roll() < p;
  }

  below(end: number): number {
    return Math.floor(this.roll() * end);
  }

  /** One of a list that has at least one element. */
  of<T>(list: readonly T[]): T {
    const item = list[this.below(list.length)];
    if (item === undefined && list.length === 0) throw new Error('nothing to choose from');
    return item as T;
  }

  list<T>(length: number, make: () => T): T[] {
    return Array.from({ length }, make);
  }
}

/** What traps throw: the only error that the library lets through as it is. */
export class TrapError extends Error {}

const spring = (): never => {
  throw new TrapError('sprung');
};

export const dtypes = ['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'] as const;

const wholes = [0, 1, 2, 3, 4, 5, 7, 8, 16, 31, -1, -2, -3, -5];
const wildWholes = [
  ...[100, 255, 256, 1000, 65_536, 2 ** 20, 2 ** 24 + 1, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 33],
  ...[
    2 ** 40,
    2 ** 52,
    2 ** 53 - 1,
    2 ** 53,
    2 ** 62,
    2 ** 63,
    2 ** 64,
    -(2 ** 31),
    -(2 ** 53),
    -(2 ** 63),
    -0,
  ],
];
const wildNumbers = [
  ...[0.5, -0.5, 1e-5, 0.1, 0.999999, 1e-320, 1e30, 1e39, 1.7e308, -1e308],
  NaN,
  Infinity,
  -Infinity,
];

export function whole(dice: Dice): number {
  return dice.chance(0.85) ? dice.of(wholes) : dice.of(wildWholes);
}

export function number(dice: Dice): number {
  return dice.chance(0.6)
    ? dice.of([0, 1, -1, 2, 0.5, 0.1, 0.9, 3])
    : dice.of([...wildNumbers, ...wildWholes]);
}

function detached(): Float32Array {
  const array = new Float32Array(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const wildMakers: readonly ((dice: Dice) => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => '',
  () => 'f32',
  () => 'f32\0',
  () => 'x\ny'.repeat(40),
  () => '\ud800',
  () => Symbol('wild'),
  () => 10n,
  () => 2n ** 70n,
  () => ({}),
  () => [],
  () => [[]],
  () => [1, [2, 3]],
  () => [1, undefined, 3],
  () => {
    const holes: number[] = [];
    holes[5] = 1;
    return holes;
  },
  () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    return cyclic;
  },
  () => spring,
  () => () => 1,
  () => new Proxy({}, { get: spring, has: spring, ownKeys: spring, getOwnPropertyDescriptor: spring }),
  () => new Proxy([1, 2], { get: spring }),
  () => ({ valueOf: spring, toString: spring, [Symbol.toPrimitive]: spring }),
  () => ({
    get length(): number {
      return spring();
    },
  }),
  () => Object.defineProperty([1, 2, 3], 1, { get: spring }),
  () => ({ [kHandle]: 5 }),
  () => ({ [kHandle]: {}, dtype: 'f32' }),
  () => ({
    get [kHandle](): number {
      return spring();
    },
  }),
  () => ({ [kHandle]: undefined, backward: 1 }),
  () => new Date(0),
  () => new Map([[1, 2]]),
  () => new Float32Array(6),
  () => new Float32Array(0),
  () => new BigInt64Array(3),
  () => new Uint16Array(3),
  () => new DataView(new ArrayBuffer(8)),
  () => new Float32Array(new SharedArrayBuffer(16)),
  detached,
  () => Object.defineProperty(new Float32Array(4), Symbol.toStringTag, { value: 'Float64Array' }),
  () => Promise.resolve(1),
  () => Object.create(null) as unknown,
  dice => dice.list(12, () => whole(dice)),
  dice => dice.list(3, () => number(dice)),
  dice => number(dice),
  dice => whole(dice),
];

/** Anything at all; `held` are tensors, states and what was left of disposed ones. */
export function wild(dice: Dice, held: readonly unknown[]): unknown {
  if (dice.chance(0.2) && held.length > 0) return dice.of(held);
  return dice.of(wildMakers)(dice);
}

/** Lists of integers as shapes, paddings or axes are; mostly short and small. */
export function wholeList(dice: Dice): unknown {
  if (dice.chance(0.15)) return whole(dice);
  const list = dice.list(dice.of([1, 1, 2, 2, 2, 3, 4, 4, 0, 8, 9]), () => whole(dice));
  return dice.chance(0.5) ? list.map(item => Math.min(Math.abs(item), 8)) : list;
}

/** A few wild options among sensible names. */
export function options(dice: Dice, held: readonly unknown[], names: readonly string[]): unknown {
  if (dice.chance(0.05)) return wild(dice, held);
  const made: Record<string, unknown> = {};
  for (const name of names) {
    if (dice.chance(0.4)) made[name] = dice.chance(0.5) ? whole(dice) : wild(dice, held);
  }
  if (dice.chance(0.05)) made[`x${dice.below(10)}`] = 1;
  return made;
}

/** What an argument may be chosen from. */
export interface Held {
  readonly tensors: readonly unknown[];
  readonly states: readonly unknown[];
}

/** An argument of the registered kind, wild one time in twelve. */
export function argument(dice: Dice, arg: ArgSchema, { tensors, states }: Held): unknown {
  if (dice.chance(0.08)) return wild(dice, [...tensors, ...states]);
  switch (arg.kind) {
    case 'tensor':
      return dice.of(dice.chance(0.1) ? states : tensors);
    case 'tensor?':
      return dice.chance(0.5) ? undefined : dice.of(tensors);
    case 'value':
      return dice.chance(0.3) ? number(dice) : dice.of(tensors);
    case 'tensors':
      return dice.list(dice.of([1, 2, 2, 3, 0]), () => dice.of(tensors));
    case 'states':
      return dice.list(dice.of([1, 1, 1, 2, 0]), () => dice.of(states));
    case 'number':
      return number(dice);
    case 'int':
      return whole(dice);
    case 'flag':
      return dice.chance(0.5);
    case 'ints':
      return wholeList(dice);
    case 'axes':
      return dice.chance(0.3) ? undefined : wholeList(dice);
    case 'dtype':
      return dice.of(dtypes);
    case 'text':
      return arg.choices === undefined ? 'x' : dice.of(arg.choices);
  }
}

/** How a call looks in the log: short, and never calling back into the value. */
export function shown(value: unknown, depth = 0): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 20));
  if (typeof value === 'symbol' || typeof value === 'bigint') return String(value);
  if (typeof value === 'function') return 'function';
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  try {
    if (kHandle in value && 'shape' in value && 'dtype' in value) {
      return `${String(value.dtype)}[${String(value.shape)}]`;
    }
    if (ArrayBuffer.isView(value)) return 'typed array';
    if (depth > 2) return '...';
    if (Array.isArray(value)) return `[${value.map(item => shown(item, depth + 1)).join(', ')}]`;
    const fields = Object.entries(value).map(([key, item]) => `${key}: ${shown(item, depth + 1)}`);
    return `{${fields.join(', ')}}`;
  } catch {
    return 'a trap';
  }
}
