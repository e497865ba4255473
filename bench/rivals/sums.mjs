// Whether an operation gives the same in two libraries, by the sums of absolute values of its result and its gradients.
import { difference } from './curves.mjs';

const WITHIN = 1e-4;
// Each library draws what it drops: the sum of what is left of 2^20 normal elements has a standard deviation of 4e-4 of
// itself, the difference of two 6e-4; this is seven times as much.
const DROPPED_WITHIN = 4e-3;

export const sumsTolerance = ({ op }) => (op === 'dropout' ? DROPPED_WITHIN : WITHIN);

/** Both by name: how far the sums are apart at most, in which, and whether that is within the tolerance. */
export function compareSums(ours, theirs, within) {
  const names = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  const differences = names.map(name => difference(ours[name], theirs[name]));
  const largest = Math.max(...differences);
  return { names: names.length, largest, of: names[differences.indexOf(largest)], equal: largest <= within };
}
