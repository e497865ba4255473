// Scopes: what is made inside is freed at the end.
import { types } from 'node:util';
import { StateError } from './errors';
import { checkCallback, kHandle } from './handle';
import { native } from './native';
import type { Handle } from './native';
import { isTensor } from './tensor';

// Tensors in a result, however nested in arrays and plain objects.
function collect(value: unknown, found: Handle[], seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (isTensor(value)) {
    found.push(value[kHandle]);
  } else if (Array.isArray(value)) {
    for (const item of value) collect(item, found, seen);
  } else if (types.isMap(value)) {
    for (const item of value.values()) collect(item, found, seen);
  } else if (!ArrayBuffer.isView(value)) {
    for (const item of Object.values(value)) collect(item, found, seen);
  }
}

/**
 * Runs `body` and frees every tensor made in it but those it returns (also in arrays, objects and maps). States are not
 * touched. Throws StateError for an async callback: its tensors would be freed before it used them.
 *
 * @example
 * const loss = scope(() => {
 *   const logits = model.forward(x); // freed
 *   return nn.crossEntropy(logits, target); // kept
 * });
 */
export function scope<T>(body: () => T): T {
  checkCallback('scope', 'body', body);
  native.scopeOpen();
  const kept: Handle[] = [];
  try {
    const result = body();
    if (types.isPromise(result)) {
      result.catch(() => undefined);
      throw new StateError('scope', 'the callback returned a promise; use a synchronous callback');
    }
    collect(result, kept, new Set());
    return result;
  } finally {
    native.scopeClose(kept);
  }
}
