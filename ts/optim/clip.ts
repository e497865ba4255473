// Clipping of gradients, between `backward()` and `step()`.
import { noGrad } from '../autograd';
import { cast, clamp, minimum, mul, sqrt, square, sum, zeros } from '../ops.gen';
import { scope } from '../scope';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkRange } from './check';

/** The gradients that are there, each with its parameter. */
function gradients(params: readonly State[]): (readonly [State, Tensor])[] {
  return params.flatMap(param => {
    const { grad } = param;
    return grad === undefined ? [] : [[param, grad] as const];
  });
}

/** Half types would overflow in a square. */
const wide = (x: Tensor): Tensor => (x.dtype === 'f16' || x.dtype === 'bf16' ? cast(x, 'f32') : x);

/**
 * Scales all gradients by min(1, maxNorm / (norm + 1e-6)), norm being the 2-norm of all of them together, as it was before;
 * returns the norm (Pascanu, Mikolov, Bengio 2013). Waits for nothing: the norm is a tensor like any other. Parameters
 * without a gradient are passed over.
 *
 * @example
 * loss.backward();
 * const norm = optim.clipGradNorm(model.parameters(), 1);
 * optimizer.step();
 */
export function clipGradNorm(params: readonly State[], maxNorm: number): Tensor {
  checkRange('clipGradNorm', 'maxNorm', maxNorm);
  return scope(() =>
    noGrad(() => {
      const found = gradients(params);
      const squares = found.map(([, grad]) => sum(square(wide(grad))));
      const norm = sqrt(squares.reduce((total, x) => total.add(x), zeros([])));
      const scale = minimum(norm.add(1e-6).reciprocal().mul(maxNorm), 1);
      for (const [param, grad] of found) param.grad = mul(grad, cast(scale, grad.dtype));
      return norm;
    }),
  );
}

/**
 * Clamps each element of each gradient to -limit..limit. Parameters without a gradient are passed over.
 *
 * @example
 * loss.backward();
 * optim.clipGradValue(model.parameters(), 0.5);
 * optimizer.step();
 */
export function clipGradValue(params: readonly State[], limit: number): void {
  checkRange('clipGradValue', 'limit', limit);
  scope(() => {
    noGrad(() => {
      for (const [param, grad] of gradients(params)) param.grad = clamp(grad, { min: -limit, max: limit });
    });
  });
}
