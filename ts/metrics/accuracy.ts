// Accuracy: the part of the samples whose class was found, as a tensor op and as a running count.
import { ShapeError } from '../errors';
import { argmax, cast, equal } from '../ops.gen';
import type { Tensor } from '../tensor';

/** Class ids as `read()` gives them. */
export type ClassIds = ArrayLike<number> | ArrayLike<bigint>;

/**
 * The mean of argmax(logits) = target: `logits` is [..., classes], `target` [...] of class ids. Throws ShapeError where
 * they do not fit.
 *
 * @example
 * const logits = tensor([[0, 1], [3, 2], [0, 9]]);
 * await metrics.accuracy(logits, tensor([1, 0, 0], { dtype: 'i32' })).item(); // 0.6667
 */
export function accuracy(logits: Tensor, target: Tensor): Tensor {
  if (logits.rank === 0 || logits.shape.slice(0, -1).join() !== target.shape.join()) {
    const [a, b] = [logits, target].map(x => `[${x.shape.join(', ')}]`);
    throw new ShapeError('accuracy', `logits have shape ${a}, target ${b}; use [..., classes] and [...]`);
  }
  return cast(equal(argmax(logits, { axis: -1 }), target), 'f32').mean();
}

/** Throws ShapeError unless there is one target for each prediction. */
export function checkLengths(op: string, predicted: ClassIds, target: ClassIds): void {
  if (predicted.length === target.length) return;
  throw new ShapeError(op, `${predicted.length} predictions for ${target.length} targets; give one for each`);
}

/**
 * Counts hits over batches.
 *
 * @example
 * const metric = new metrics.Accuracy();
 * metric.add([1, 2, 2], [1, 2, 0]);
 * metric.value; // 2 / 3
 */
export class Accuracy {
  #hits = 0;
  #count = 0;

  /** Counts a batch of predicted and true class ids. */
  add(predicted: ClassIds, target: ClassIds): void {
    checkLengths('Accuracy', predicted, target);
    for (let i = 0; i < target.length; i++) if (Number(predicted[i]) === Number(target[i])) this.#hits++;
    this.#count += target.length;
  }

  /** How many samples were counted. */
  get count(): number {
    return this.#count;
  }

  /** Hits divided by samples; NaN before the first. */
  get value(): number {
    return this.#hits / this.#count;
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#hits = this.#count = 0;
  }
}
