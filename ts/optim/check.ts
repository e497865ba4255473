// Checks of optimizer options.
import { inspect } from 'node:util';
import { ValueError } from '../errors';

/** Throws ValueError unless `value` is a number in [0, end). */
export function checkRange(op: string, name: string, value: unknown, end = Infinity): void {
  if (typeof value === 'number' && value >= 0 && value < end) return;
  const range = end === Infinity ? 'a finite number of 0 or more' : `a number in [0, ${end})`;
  throw new ValueError(op, `${name} must be ${range}, got ${inspect(value)}`);
}
