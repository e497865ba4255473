// Threads, memory and waiting, for this environment.
import { native } from './native';
import type { MemoryFigures } from './native';

export type { MemoryFigures } from './native';

/** Bytes and tensor counts of this environment. */
export const memory = (): MemoryFigures => native.memory();

/** How many threads kernels run on; the usable cores unless set. Results do not depend on it. */
export const threads = (): number => native.threads();

/** Sets the number of threads, 1..256. Throws ValueError for anything else. */
export const setThreads = (count: number): void => native.setThreads(count);

/** The instruction set in use, chosen at load; HEBB_ISA in the environment forces one. */
export const isa = (): string => native.isa();

/** Resolves when everything submitted so far has run; rejects with the first failure that nothing else has reported. */
export function flush(): Promise<void> {
  return new Promise((resolve, reject) => {
    native.flush((error) => (error === undefined ? resolve() : reject(error)), true);
  });
}

/** As `flush()`, without reporting failures: a point in the queue to wait for. */
export function reached(): Promise<void> {
  return new Promise((resolve) => {
    native.flush(() => resolve(), false);
  });
}
