// Parameters as layers make them.
import { full } from '../ops.gen';
import { state } from '../state';
import type { State } from '../state';

/**
 * A new f32 state of this shape that requires a gradient, written by `initialise`.
 *
 * @example
 * nn.parameter([10, 784], nn.init.xavierUniform).requiresGrad; // true
 */
export function parameter(shape: readonly number[], initialise: (target: State) => void): State {
  using zeros = full(shape, 0);
  const made: State = state(zeros, { requiresGrad: true });
  initialise(made);
  return made;
}
