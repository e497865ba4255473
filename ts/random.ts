// The generator of this environment: one seed and a counter that every random op advances, in program order.
import { native } from './native';

/**
 * Restarts the random numbers of this thread: the same seed gives the same draws. `value` is an integer >= 0; without a
 * call it is 0.
 *
 * @example
 * seed(1);
 * const first = uniform([100]);
 * seed(1);
 * const again = uniform([100]);
 * await first.equal(again).all().item(); // 1
 */
export function seed(value: number): void {
  native.seed(value);
}

/**
 * How many blocks of random numbers have been drawn since the seed, to be saved beside it.
 *
 * @example
 * seed(1);
 * randomCounter(); // 0
 */
export function randomCounter(): number {
  return native.counter();
}

/**
 * Goes back, or forward, to a place that `randomCounter()` gave.
 *
 * @example
 * const place = randomCounter();
 * const first = uniform([100]);
 * setRandomCounter(place);
 * const again = uniform([100]);
 * await first.equal(again).all().item(); // 1
 */
export function setRandomCounter(counter: number): void {
  native.setCounter(counter);
}
