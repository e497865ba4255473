// Data sets: what a loader asks of one, and the one that keeps its samples in memory.
import { DTypeError, ShapeError, ValueError } from '../errors';
import { checkSeed, Pcg32, shuffle } from './order';

/** Arrays a field can be stored in and delivered as. */
export type FieldValues = Uint8Array | Int32Array | Float32Array;

/** What a field looks like in a batch: its dtype and the shape of one sample. */
export interface FieldSpec {
  readonly dtype: 'u8' | 'i32' | 'f32';
  readonly shape: readonly number[];
}

/**
 * Samples by row number. `gather` returns, per field, the values of the rows one after another: a batch of field `shape` is
 * `[rows.length, ...shape]`. It may write them into the arrays of an earlier batch, where `reuse` gives some.
 */
export interface Dataset {
  readonly size: number;
  readonly fields: Readonly<Record<string, FieldSpec>>;
  readonly classes?: readonly string[];
  gather(rows: Int32Array, reuse?: Readonly<Record<string, FieldValues>>): Record<string, FieldValues>;
}

/** One field in memory: all samples one after another, and the shape of one of them. */
export interface FieldArray {
  data: FieldValues;
  shape: readonly number[];
  /** Deliver f32 values `scale * data`; without it the values are delivered as they are stored. */
  scale?: number;
}

const OP = 'ArrayDataset';

const dtypes = { Uint8Array: 'u8', Int32Array: 'i32', Float32Array: 'f32' } as const;
const constructors = { u8: Uint8Array, i32: Int32Array, f32: Float32Array } as const;

// By tag, not by instanceof: arrays made in another realm count as well.
function dtypeOf(field: string, data: FieldValues): FieldSpec['dtype'] {
  const tag = Object.prototype.toString.call(data).slice(8, -1);
  for (const [name, dtype] of Object.entries(dtypes)) if (tag === name) return dtype;
  throw new DTypeError(OP, `field ${field} is a ${tag}; use Uint8Array, Int32Array or Float32Array`);
}

// Values in one sample; a sample of no values is refused, for its count could not be told.
function sampleSize(field: string, shape: readonly number[]): number {
  let size = 1;
  for (const extent of shape) {
    if (!Number.isSafeInteger(extent) || extent < 1) {
      throw new ShapeError(OP, `shape [${shape.join(', ')}] of field ${field}; use integers of 1 and more`);
    }
    size *= extent;
  }
  return size;
}

/**
 * A data set whose fields lie in memory. Views made by `take`, `subset` and `split` share the arrays.
 *
 * @example
 * const xor = new data.ArrayDataset({
 *   x: { data: new Float32Array([0, 0, 0, 1, 1, 0, 1, 1]), shape: [2] },
 *   target: { data: new Int32Array([0, 1, 1, 0]), shape: [] },
 * });
 * xor.size; // 4
 */
export class ArrayDataset implements Dataset {
  readonly fields: Readonly<Record<string, FieldSpec>>;
  readonly classes?: readonly string[];
  private readonly arrays: Readonly<Record<string, FieldArray>>;
  private readonly stored: number;
  // Rows of the arrays that this view shows; null is all of them in order.
  private rows: Int32Array | null = null;

  /** Throws a ShapeError when the fields do not hold the same number of whole samples. */
  constructor(arrays: Readonly<Record<string, FieldArray>>, options: { classes?: readonly string[] } = {}) {
    const counts: [string, number][] = [];
    const fields: Record<string, FieldSpec> = {};
    for (const [name, { data, shape, scale }] of Object.entries(arrays)) {
      const dtype = dtypeOf(name, data);
      const size = sampleSize(name, shape);
      if (data.length % size !== 0) {
        throw new ShapeError(
          OP,
          `field ${name} has ${data.length} values, not a multiple of ${size} for samples of [${shape.join(', ')}]`,
        );
      }
      if (scale !== undefined && !Number.isFinite(scale)) {
        throw new ValueError(OP, `scale of field ${name} is ${scale}; use a finite number`);
      }
      counts.push([name, data.length / size]);
      fields[name] = { dtype: scale === undefined ? dtype : 'f32', shape: [...shape] };
    }
    const [first] = counts;
    if (first === undefined) throw new ValueError(OP, 'no fields; give at least one');
    if (counts.some(([, count]) => count !== first[1])) {
      const list = counts.map(([name, count]) => `${name} ${count}`).join(', ');
      throw new ShapeError(OP, `fields differ in samples: ${list}; use the same number`);
    }
    this.stored = first[1];
    this.arrays = arrays;
    this.fields = fields;
    if (options.classes !== undefined) this.classes = [...options.classes];
  }

  /** The number of samples. */
  get size(): number {
    return this.rows?.length ?? this.stored;
  }

  /** The samples of `rows` one after another, each field in an array; throws ValueError for a row out of range. */
  gather(rows: Int32Array, reuse: Readonly<Record<string, FieldValues>> = {}): Record<string, FieldValues> {
    const stored = this.resolve('gather', rows);
    const batch: Record<string, FieldValues> = {};
    for (const [name, { data, shape, scale }] of Object.entries(this.arrays)) {
      const size = sampleSize(name, shape);
      const dtype = this.fields[name]?.dtype ?? 'f32';
      const target = arrayOf(dtype, size * stored.length, reuse[name]);
      if (scale === undefined) copyRows(data, size, stored, target);
      else scaleRows(data, scale, stored, target);
      batch[name] = target;
    }
    return batch;
  }

  /** The first `count` samples. */
  take(count: number): ArrayDataset {
    if (!Number.isInteger(count) || count < 0 || count > this.size) {
      throw new ValueError(
        'take',
        `count ${count} of ${this.size} samples; use an integer of 0..${this.size}`,
      );
    }
    return this.view(
      this.resolve(
        'take',
        Int32Array.from({ length: count }, (_, i) => i),
      ),
    );
  }

  /** The samples of the given rows, in that order; a row may come twice. */
  subset(rows: ArrayLike<number>): ArrayDataset {
    return this.view(this.resolve('subset', rows));
  }

  /**
   * Two data sets without a common sample: `round(fraction * size)` samples drawn by `seed`, and the others.
   *
   * @example
   * const [train, validation] = data.digits({ seed: 1, count: 200 }).split(0.9, { seed: 1 });
   * [train.size, validation.size]; // [180, 20]
   */
  split(fraction: number, options: { seed?: number } = {}): [ArrayDataset, ArrayDataset] {
    const { seed = 0 } = options;
    if (!(fraction >= 0 && fraction <= 1)) {
      throw new ValueError('split', `fraction is ${fraction}; use a number of 0..1`);
    }
    checkSeed('split', 'seed', seed);
    const rows = shuffle(
      Int32Array.from({ length: this.size }, (_, i) => i),
      new Pcg32(seed),
    );
    const cut = Math.round(fraction * this.size);
    return [this.subset(rows.subarray(0, cut)), this.subset(rows.subarray(cut))];
  }

  // Rows of this view, checked, as rows of the arrays.
  private resolve(op: string, rows: ArrayLike<number>): Int32Array {
    const stored = new Int32Array(rows.length);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number;
      if (!Number.isInteger(row) || row < 0 || row >= this.size) {
        const fix = this.size === 0 ? 'it has none' : `use integers of 0..${this.size - 1}`;
        throw new ValueError(op, `row ${row} at ${i} is out of range for ${this.size} samples; ${fix}`);
      }
      stored[i] = this.rows === null ? row : (this.rows[row] as number);
    }
    return stored;
  }

  private view(rows: Int32Array): ArrayDataset {
    const view = new ArrayDataset(this.arrays, this.classes === undefined ? {} : { classes: this.classes });
    view.rows = rows;
    return view;
  }
}

// An array of `length` values: the start of `earlier` where it is of that kind and long enough.
function arrayOf(dtype: FieldSpec['dtype'], length: number, earlier: FieldValues | undefined): FieldValues {
  if (earlier !== undefined && earlier.length >= length && dtypeOf('', earlier) === dtype) {
    return earlier.length === length ? earlier : earlier.subarray(0, length);
  }
  return new constructors[dtype](length);
}

function copyRows(data: FieldValues, size: number, rows: Int32Array, target: FieldValues): void {
  let at = 0;
  for (const row of rows) {
    const end = (row + 1) * size;
    // A view costs more than a few values.
    if (size < 64) for (let from = row * size; from < end; from++) target[at++] = data[from] as number;
    else target.set(data.subarray(row * size, end), (at += size) - size);
  }
}

// target = scale * data, row by row.
function scaleRows(data: FieldValues, scale: number, rows: Int32Array, target: FieldValues): void {
  const size = target.length / Math.max(rows.length, 1);
  let at = 0;
  for (const row of rows) {
    const end = (row + 1) * size;
    for (let from = row * size; from < end; from++) target[at++] = (data[from] as number) * scale;
  }
}
