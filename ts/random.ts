// The generator of this environment: one seed and a counter that every random op advances, in program order.
import { native } from './native';

/** Restarts the random numbers of this thread: the same seed gives the same draws. `value` is an integer >= 0. */
export function seed(value: number): void {
  native.seed(value);
}

/** How many blocks of random numbers have been drawn since the seed, to be saved beside it. */
export function randomCounter(): number {
  return native.counter();
}

/** Goes back, or forward, to a place that `randomCounter()` gave. */
export function setRandomCounter(counter: number): void {
  native.setCounter(counter);
}
