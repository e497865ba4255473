// Threads, memory and waiting, for this environment.
import { checkDevice } from './device';
import { native } from './native';
import type { Device, MemoryFigures } from './native';

export type { DeviceMemory, MemoryFigures } from './native';

/**
 * Bytes and tensor counts of this environment.
 *
 * @example
 * const { liveBytes, peakBytes, liveTensors } = memory();
 */
export const memory = (): MemoryFigures => native.memory();

/**
 * Sets how many bytes the tensors of the process may take together, the cache included: 80 % of the machine's memory, or of
 * the container's limit, unless set; on a GPU 90 % of what was free when it was first used. Beyond it ops throw OutOfMemoryError. Throws ValueError for anything but a whole number
 * of 0 and more.
 *
 * @example
 * setMemoryCap(2 * 2 ** 30);
 * memory().capBytes; // 2147483648
 */
export function setMemoryCap(bytes: number, device: Device = 'cpu'): void {
  checkDevice('setMemoryCap', device);
  native.setMemoryCap(bytes, device);
}

/**
 * How many threads kernels run on; the usable cores unless set. Results do not depend on it.
 *
 * @example
 * setThreads(1);
 * threads(); // 1
 */
export const threads = (): number => native.threads();

/**
 * Sets the number of threads, 1..256, for what this environment computes from here on. Throws ValueError for anything else.
 *
 * @example
 * setThreads(2);
 * threads(); // 2
 */
export const setThreads = (count: number): void => native.setThreads(count);

/**
 * The instruction set in use, chosen at load; HEBB_ISA in the environment forces one.
 *
 * @example
 * ['v2', 'avx2', 'avx512', 'amx', 'neon'].includes(isa()); // true
 */
export const isa = (): string => native.isa();

/**
 * Resolves when everything submitted so far has run; rejects with the first failure that nothing else has reported.
 *
 * @example
 * const y = x.exp();
 * await flush(); // y is computed
 */
export function flush(): Promise<void> {
  return new Promise((resolve, reject) => {
    native.flush(error => (error === undefined ? resolve() : reject(error)), true);
  });
}

/** As `flush()`, without reporting failures: a point in the queue to wait for. */
export function reached(): Promise<void> {
  return new Promise(resolve => {
    native.flush(() => resolve(), false);
  });
}
