// Checks of what fit and evaluate are given, before anything is computed.
import { inspect } from 'node:util';
import type { Dataset } from '../data/dataset';
import { ValueError } from '../errors';

/** Throws ValueError unless `value` is a data set with samples whose fields are `x` and `target` at least. */
export function checkDataset(op: string, name: string, value: Dataset | undefined): void {
  if (typeof value !== 'object' || value === null || typeof value.gather !== 'function') {
    throw new ValueError(op, `${name} is ${inspect(value, { depth: 0 })}; give a data set`);
  }
  const fields = Object.keys(value.fields);
  const missing = ['x', 'target'].filter(field => !fields.includes(field));
  if (missing.length > 0) {
    throw new ValueError(op, `${name} has the fields ${fields.join(', ')}; it needs x and target`);
  }
  if (!(value.size > 0)) throw new ValueError(op, `${name} has no samples; give at least one`);
}

/** Throws ValueError unless `value` is an integer of `low` and more. */
export function checkInteger(op: string, name: string, value: unknown, low: number): void {
  if (Number.isSafeInteger(value) && Number(value) >= low) return;
  throw new ValueError(op, `${name} is ${inspect(value, { depth: 0 })}; use an integer of ${low} and more`);
}
