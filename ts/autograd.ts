// Gradients as functions: grad, valueAndGrad, noGrad.
import { types } from 'node:util';
import { StateError, ValueError } from './errors';
import { checkCallback, checkOptions, wrap } from './handle';
import type { TensorLike } from './handle';
import { native } from './native';
import { add, zerosLike } from './ops.gen';
import { requireHandle } from './tensor';
import type { Tensor } from './tensor';

/**
 * Runs `body` without recording: its results require no gradient. Throws StateError for an async callback.
 *
 * @example
 * noGrad(() => model.forward(x)).requiresGrad; // false
 */
export function noGrad<T>(body: () => T): T {
  checkCallback('noGrad', 'body', body);
  const before = native.setGradEnabled(false);
  try {
    const result = body();
    if (types.isPromise(result)) {
      result.catch(() => undefined);
      throw new StateError('noGrad', 'the callback returned a promise; use a synchronous callback');
    }
    return result;
  } finally {
    native.setGradEnabled(before);
  }
}

/** Which arguments `grad` differentiates by. */
export interface GradOptions {
  /** Positions of arguments; the first one unless said. */
  readonly wrt?: number | readonly number[];
}

// Inside another grad the gradients are recorded, so that grad(grad(f)) works.
let depth = 0;

type Scalar<A extends readonly TensorLike[]> = (...args: A) => Tensor;

function differentiate<A extends readonly TensorLike[]>(
  f: Scalar<A>,
  args: A,
  wrt: readonly number[],
): [Tensor, Tensor[]] {
  for (const position of wrt) {
    if (!Number.isInteger(position) || !(position in args)) {
      throw new ValueError('grad', `wrt ${String(position)} is out of range for ${args.length} arguments`);
    }
  }
  const createGraph = depth > 0;
  depth++;
  const before = native.setGradEnabled(true);
  try {
    const leaves = args.map((arg, i) =>
      wrt.includes(i) ? (createGraph ? tracked(arg) : wrap(native.leaf(requireHandle('grad', arg)))) : arg,
    );
    const value = f(...([...leaves] as unknown[] as [...A]));
    const loss = requireHandle('grad', value);
    const targets = wrt.map(i => requireHandle('grad', leaves[i]));
    const found = value.requiresGrad
      ? native.gradients(loss, undefined, targets, createGraph, createGraph)
      : [];
    const grads = wrt.map((i, k) => {
      const grad = found[k];
      return grad === undefined ? zerosLike(args[i] as TensorLike) : wrap(grad);
    });
    return [value, grads];
  } finally {
    native.setGradEnabled(before);
    depth--;
  }
}

function positions(f: unknown, options: GradOptions): readonly number[] {
  checkCallback('grad', 'f', f);
  checkOptions('grad', options, ['wrt']);
  const { wrt = 0 } = options;
  return typeof wrt === 'object' && Array.isArray(wrt) ? [...(wrt as readonly number[])] : [wrt as number];
}

// An argument that the outer grad follows must stay on its graph: adding zero gives it a place of its own there.
function tracked(arg: TensorLike): TensorLike {
  const handle = requireHandle('grad', arg);
  return (arg as Tensor).requiresGrad ? add(arg, 0) : wrap(native.leaf(handle));
}

/**
 * A function that returns f's value and its gradient: d f / d (first argument), or a list where `wrt` is one. f must be
 * synchronous and return one element.
 *
 * @example
 * const [value, slope] = valueAndGrad((x: Tensor) => x.square().sum())(tensor([3]));
 * await value.item(); // 9
 * await slope.read(); // Float32Array [6]
 */
export function valueAndGrad<A extends readonly TensorLike[]>(
  f: Scalar<A>,
  options?: { readonly wrt?: number },
): (...args: A) => [Tensor, Tensor];
export function valueAndGrad<A extends readonly TensorLike[]>(
  f: Scalar<A>,
  options: { readonly wrt: readonly number[] },
): (...args: A) => [Tensor, Tensor[]];
export function valueAndGrad<A extends readonly TensorLike[]>(
  f: Scalar<A>,
  options: GradOptions = {},
): (...args: A) => [Tensor, Tensor | Tensor[]] {
  const list = positions(f, options);
  return (...args) => {
    const [value, grads] = differentiate(f, args, list);
    return [value, Array.isArray(options.wrt) ? grads : (grads[0] as Tensor)];
  };
}

/**
 * As `valueAndGrad`, without the value. `grad(grad(f))` is the second derivative.
 *
 * @example
 * const cube = (x: Tensor) => x.pow(3);
 * await grad(cube)(tensor(3)).item(); // 27
 * await grad(grad(cube))(tensor(3)).item(); // 18
 */
export function grad<A extends readonly TensorLike[]>(
  f: Scalar<A>,
  options?: { readonly wrt?: number },
): (...args: A) => Tensor;
export function grad<A extends readonly TensorLike[]>(
  f: Scalar<A>,
  options: { readonly wrt: readonly number[] },
): (...args: A) => Tensor[];
export function grad<A extends readonly TensorLike[]>(
  f: Scalar<A>,
  options: GradOptions = {},
): (...args: A) => Tensor | Tensor[] {
  const list = positions(f, options);
  return (...args) => {
    const [, grads] = differentiate(f, args, list);
    return Array.isArray(options.wrt) ? grads : (grads[0] as Tensor);
  };
}
