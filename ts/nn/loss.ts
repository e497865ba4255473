// Losses of outputs and targets; crossEntropy is an op of its own.
import { ShapeError, ValueError } from '../errors';
import type { TensorLike } from '../handle';
import { checkOptions } from '../handle';
import {
  abs,
  clamp,
  equal,
  gather,
  less,
  log,
  maximum,
  mul,
  neg,
  softplus,
  square,
  sub,
  where,
} from '../ops.gen';
import type { Tensor } from '../tensor';
import { checkFinite } from './check';

export { crossEntropy } from '../ops.gen';

/** How the losses of the elements become one. */
export interface LossOptions {
  /** The mean over all elements unless said; 'none' keeps the shape. */
  readonly reduction?: 'mean' | 'sum' | 'none';
}

/** A value with a shape: a tensor or a state. */
export interface Shaped extends TensorLike {
  readonly shape: readonly number[];
}

function reduced(op: string, losses: Tensor, reduction: string = 'mean'): Tensor {
  switch (reduction) {
    case 'mean':
      return losses.mean();
    case 'sum':
      return losses.sum();
    case 'none':
      return losses;
    default:
      throw new ValueError(op, `reduction must be 'mean', 'sum' or 'none', got ${JSON.stringify(reduction)}`);
  }
}

// Broadcasting a target over outputs is nearly always a forgotten axis.
function checkShapes(op: string, output: Shaped, target: Shaped): void {
  if (output.shape.join() === target.shape.join()) return;
  const [a, b] = [output, target].map(x => `[${x.shape.join(', ')}]`);
  throw new ShapeError(op, `output has shape ${a}, target ${b}; use the same`);
}

/**
 * (output - target)^2, its mean unless said. Throws ShapeError for different shapes.
 *
 * @example
 * await nn.mseLoss(tensor([1, 2]), tensor([1, 4])).item(); // 2
 */
export function mseLoss(output: Shaped, target: Shaped, options: LossOptions = {}): Tensor {
  checkOptions('mseLoss', options, ['reduction']);
  checkShapes('mseLoss', output, target);
  return reduced('mseLoss', square(sub(output, target)), options.reduction);
}

/**
 * |output - target|, its mean unless said. Throws ShapeError for different shapes.
 *
 * @example
 * await nn.l1Loss(tensor([1, 2]), tensor([1, 4])).item(); // 1
 */
export function l1Loss(output: Shaped, target: Shaped, options: LossOptions = {}): Tensor {
  checkOptions('l1Loss', options, ['reduction']);
  checkShapes('l1Loss', output, target);
  return reduced('l1Loss', abs(sub(output, target)), options.reduction);
}

/** Where the two pieces of the Huber loss meet. */
export interface HuberOptions extends LossOptions {
  /** In the unit of the outputs; 1 unless said. */
  readonly delta?: number;
}

/**
 * d^2 / 2 where |d| < delta, else delta (|d| - delta / 2), with d = output - target: squares near 0, absolute values
 * far out (Huber 1964). Throws ShapeError for different shapes, ValueError for a delta that is not above 0.
 *
 * @example
 * await nn.huberLoss(tensor([0.5, 3]), tensor([0, 0]), { reduction: 'none' }).read(); // Float32Array [0.125, 2.5]
 */
export function huberLoss(output: Shaped, target: Shaped, options: HuberOptions = {}): Tensor {
  checkOptions('huberLoss', options, ['reduction', 'delta']);
  const { delta = 1, reduction } = options;
  checkFinite('huberLoss', 'delta', delta);
  if (delta <= 0) throw new ValueError('huberLoss', `delta is ${delta}; use a number above 0`);
  checkShapes('huberLoss', output, target);
  const difference = sub(output, target);
  const size = abs(difference);
  const near = mul(square(difference), 0.5);
  const far = mul(sub(size, delta / 2), delta);
  return reduced('huberLoss', where(less(size, delta), near, far), reduction);
}

/**
 * Binary cross-entropy of logits z and targets t in 0..1: max(z, 0) - z t + log(1 + exp(-|z|)), finite for any z. Throws
 * ShapeError for different shapes.
 *
 * @example
 * await nn.bceWithLogits(tensor([0, 100]), tensor([1, 1])).item(); // 0.3466
 */
export function bceWithLogits(output: Shaped, target: Shaped, options: LossOptions = {}): Tensor {
  checkOptions('bceWithLogits', options, ['reduction']);
  checkShapes('bceWithLogits', output, target);
  const losses = softplus(neg(abs(output))).add(sub(maximum(output, 0), mul(output, target)));
  return reduced('bceWithLogits', losses, options.reduction);
}

// log(x), at least -100: a wrong certainty costs much instead of everything. The zero is replaced first, as the
// derivative of its logarithm is not finite.
function boundedLog(x: TensorLike): Tensor {
  const isZero = equal(x, 0);
  return clamp(where(isZero, -100, log(where(isZero, 1, x))), { min: -100 });
}

/**
 * Binary cross-entropy of probabilities p and targets t in 0..1: -(t log(p) + (1 - t) log(1 - p)), logarithms being at
 * least -100, as in PyTorch; the gradient of a logarithm at that bound is 0. `bceWithLogits` is more exact and takes the
 * logits. Throws ShapeError for different shapes.
 *
 * @example
 * await nn.bceLoss(tensor([0.5, 1]), tensor([1, 1])).item(); // 0.3466
 */
export function bceLoss(output: Shaped, target: Shaped, options: LossOptions = {}): Tensor {
  checkOptions('bceLoss', options, ['reduction']);
  checkShapes('bceLoss', output, target);
  const hit = mul(target, boundedLog(output));
  const miss = mul(sub(1, target), boundedLog(sub(1, output)));
  return reduced('bceLoss', neg(hit.add(miss)), options.reduction);
}

/**
 * -logProbabilities[i, target[i]]: what follows a log-softmax. `logProbabilities` is [..., classes], `target` [...] of
 * class ids. Throws ShapeError where they do not fit.
 *
 * @example
 * await nn.nllLoss(tensor([[-0.1, -2.3]]), tensor([0], { dtype: 'i32' })).item(); // 0.1
 */
export function nllLoss(logProbabilities: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  checkOptions('nllLoss', options, ['reduction']);
  if (logProbabilities.shape.slice(0, -1).join() !== target.shape.join() || logProbabilities.rank === 0) {
    const [a, b] = [logProbabilities, target].map(x => `[${x.shape.join(', ')}]`);
    throw new ShapeError(
      'nllLoss',
      `log-probabilities have shape ${a}, target ${b}; use [..., classes] and [...]`,
    );
  }
  const picked = gather(logProbabilities, target.reshape([...target.shape, 1]), -1);
  return reduced('nllLoss', neg(picked.reshape(target.shape)), options.reduction);
}
