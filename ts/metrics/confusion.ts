// ConfusionMatrix: how often each class was taken for each other.
import { inspect } from 'node:util';
import { ValueError } from '../errors';
import { checkLengths } from './accuracy';
import type { ClassIds } from './accuracy';

/**
 * Counts of true classes (rows) and predicted classes (columns).
 *
 * @example
 * const matrix = new metrics.ConfusionMatrix(2);
 * matrix.add([1, 0], [1, 1]);
 * matrix.counts; // [[0, 0], [1, 1]]
 */
export class ConfusionMatrix {
  readonly classes: number;
  readonly #counts: Float64Array;

  constructor(classes: number) {
    if (!Number.isSafeInteger(classes) || classes < 1) {
      throw new ValueError('ConfusionMatrix', `classes must be a positive integer, got ${inspect(classes)}`);
    }
    this.classes = classes;
    this.#counts = new Float64Array(classes * classes);
  }

  /** Counts a batch of predicted and true class ids; throws ValueError for an id out of range, then counting nothing. */
  add(predicted: ClassIds, target: ClassIds): void {
    checkLengths('ConfusionMatrix', predicted, target);
    for (let i = 0; i < target.length; i++) {
      this.#check('prediction', i, predicted[i]);
      this.#check('target', i, target[i]);
    }
    for (let i = 0; i < target.length; i++) {
      const cell = Number(target[i]) * this.classes + Number(predicted[i]);
      this.#counts[cell] = (this.#counts[cell] ?? 0) + 1;
    }
  }

  /** Rows of counts. */
  get counts(): number[][] {
    return Array.from({ length: this.classes }, (_, row) => [
      ...this.#counts.subarray(row * this.classes, (row + 1) * this.classes),
    ]);
  }

  /** Samples counted. */
  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The part of the samples on the diagonal; NaN before the first. */
  get accuracy(): number {
    return this.counts.reduce((sum, row, i) => sum + (row[i] ?? 0), 0) / this.count;
  }

  /** For each class, the part of its samples that was found; NaN where there is none. */
  get recall(): number[] {
    return this.counts.map((row, i) => (row[i] ?? 0) / row.reduce((sum, count) => sum + count, 0));
  }

  /** For each class, the part of what was taken for it that is it; NaN where there is none. */
  get precision(): number[] {
    const { counts } = this;
    return counts.map((row, i) => (row[i] ?? 0) / counts.reduce((sum, other) => sum + (other[i] ?? 0), 0));
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#counts.fill(0);
  }

  #check(name: string, i: number, id: number | bigint | undefined): void {
    const value = Number(id);
    if (Number.isInteger(value) && value >= 0 && value < this.classes) return;
    throw new ValueError('ConfusionMatrix', `${name} ${i} is ${value}; use class ids 0..${this.classes - 1}`);
  }
}
