// checkpoint(): activations made again in the backward pass instead of kept.
import { types } from 'node:util';
import { StateError } from './errors';
import { checkCallback, wrap } from './handle';
import type { TensorLike } from './handle';
import { native } from './native';
import type { Handle } from './native';
import { requireHandle } from './tensor';
import type { Tensor } from './tensor';

// The walk back does not need what is made in here.
function withoutGradients<R>(body: () => R): R {
  const before = native.setGradEnabled(false);
  try {
    return body();
  } finally {
    native.setGradEnabled(before);
  }
}

/**
 * `body` with less memory: what it computes on the way to its results is not kept for the gradient but computed again when
 * `backward()` gets there (Chen et al. 2016). The numbers are the same, random ones included; writes to states, as those
 * of a batch norm's statistics, are made once. Besides its arguments it may use states, and tensors that need no gradient.
 * Second derivatives through it throw StateError.
 *
 * @example
 * const block = nn.sequential(new nn.Linear(64, 256), new nn.GELU(), new nn.Linear(256, 64));
 * const lean = checkpoint((x: Tensor) => block.forward(x));
 * lean(ones([8, 64])).sum().backward();
 * block.parameters()[0]?.grad !== undefined; // true
 */
export function checkpoint<A extends readonly TensorLike[], R extends Tensor | readonly Tensor[]>(
  body: (...args: A) => R,
): (...args: A) => R {
  checkCallback('checkpoint', 'the function', body);
  const handlesOf = (result: R): Handle[] => {
    if (types.isPromise(result)) {
      result.catch(() => undefined);
      throw new StateError('checkpoint', 'the function returned a promise; use a synchronous function');
    }
    const list: readonly Tensor[] = Array.isArray(result)
      ? (result as readonly Tensor[])
      : [result as Tensor];
    return list.map(tensor => requireHandle('checkpoint', tensor));
  };
  return (...args) => {
    const recorded = native.setGradEnabled(true);
    native.setGradEnabled(recorded);
    if (!recorded) return body(...args);
    const place = native.drawPlace();
    const result = withoutGradients(() => body(...args));
    const again = (leaves: readonly Handle[]): Handle[] => {
      const given: unknown = leaves.map(leaf => wrap(leaf));
      return handlesOf(body(...(given as A)));
    };
    const inputs = args.map(arg => requireHandle('checkpoint', arg));
    const outputs = native.checkpoint(handlesOf(result), inputs, again, place).map(handle => wrap(handle));
    return (Array.isArray(result) ? outputs : outputs[0]) as R;
  };
}
