// What a recording reads of objects: which property of which module had which value. A compiled step is recorded anew once
// one of them has changed.

interface Read {
  readonly target: object;
  readonly key: PropertyKey;
  readonly value: unknown;
}

// Counts every write to a watched object, so that an unchanged count needs no further look.
let writes = 0;
let reads: Map<object, Set<PropertyKey>> | undefined;

type ListCopy = readonly [list: readonly unknown[], copy: readonly unknown[]];

const sameItems = ([list, copy]: ListCopy): boolean =>
  list.length === copy.length && list.every((item, i) => item === copy[i]);

// `get` is there only while something is recorded: without it, reading a watched object costs little.
const handler: ProxyHandler<object> = {
  defineProperty(target, key, descriptor) {
    writes++;
    return Reflect.defineProperty(target, key, descriptor);
  },
  deleteProperty(target, key) {
    writes++;
    return Reflect.deleteProperty(target, key);
  },
};

function noteRead(target: object, key: PropertyKey, receiver: unknown): unknown {
  const value: unknown = Reflect.get(target, key, receiver);
  if (reads !== undefined && Object.hasOwn(target, key)) {
    const known = reads.get(target) ?? new Set<PropertyKey>();
    reads.set(target, known.add(key));
  }
  return value;
}

/** `target` seen through a proxy that knows when its properties are set and, while something is recorded, read. */
export const watched = <T extends object>(target: T): T => new Proxy(target, handler) as T;

/** The properties that were read, with their values: `unchanged()` tells whether they still have them. */
export class Structure {
  readonly #reads: readonly Read[];
  readonly #lists: readonly ListCopy[];
  #checked: number;

  // The values are those at the end of the recording: what forward() itself sets, once, is no change.
  constructor(found: ReadonlyMap<object, ReadonlySet<PropertyKey>>) {
    this.#reads = [...found].flatMap(([target, keys]) =>
      [...keys].map(key => ({ target, key, value: (target as Record<PropertyKey, unknown>)[key] })),
    );
    // Writes to the elements of an array are not seen: its elements are compared at every call.
    this.#lists = this.#reads.flatMap(({ value }) =>
      Array.isArray(value)
        ? [[value as readonly unknown[], [...(value as readonly unknown[])]] as const]
        : [],
    );
    this.#checked = writes;
  }

  unchanged(): boolean {
    if (this.#lists.length > 0 && !this.#lists.every(sameItems)) return false;
    if (this.#checked === writes) return true;
    for (const { target, key, value } of this.#reads) {
      if (!Object.is((target as Record<PropertyKey, unknown>)[key], value)) return false;
    }
    this.#checked = writes;
    return true;
  }
}

/** Runs `body` and gives its result with what it read. */
export function readsOf<T>(body: () => T): [T, Structure] {
  const found = new Map<object, Set<PropertyKey>>();
  reads = found;
  handler.get = noteRead;
  try {
    const result = body();
    return [result, new Structure(found)];
  } finally {
    reads = undefined;
    delete handler.get;
  }
}
