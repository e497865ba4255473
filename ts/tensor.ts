// Tensor: an immutable value computed in the background, and how one is made from JavaScript data.
import { inspect } from 'node:util';
import { checkDevice } from './device';
import { ShapeError, StateError, ValueError } from './errors';
import { checkOptions, handleOf, kHandle, setTensorClass, wrap } from './handle';
import type { TensorLike } from './handle';
import {
  checkDType,
  fill,
  flatten,
  hostArray,
  hostDType,
  inferDType,
  isTypedArray,
  typedArrayDType,
} from './host';
import type { HostArrays, Nested } from './host';
import { native } from './native';
import type { Device, DType, Handle, TypedArray } from './native';
import { cast, TensorMethods } from './ops.gen';

/** What `backward` can be told. */
export interface BackwardOptions {
  /** d/d(this), of this tensor's shape; 1 where the tensor has one element. */
  readonly seed?: TensorLike;
  /** Keep the recorded graph for another walk. */
  readonly keepGraph?: boolean;
  /** Record the gradients themselves, so that they can be differentiated again. */
  readonly createGraph?: boolean;
}

/**
 * An n-dimensional array of one dtype. It never changes; ops on it return new tensors at once and compute in the
 * background. Values are read with `await x.read()`. Freed by `dispose()`, `using`, a `scope`, or at last the garbage
 * collector.
 *
 * @example
 * const x = tensor([[1, 2], [3, 4]]);
 * await x.matmul(x).sum().item(); // 54
 */
export class Tensor<D extends DType = DType> extends TensorMethods<D> implements TensorLike<D>, Disposable {
  readonly [kHandle]: Handle;
  #description: readonly [DType, boolean, ...number[]] | undefined;

  /** Not for callers: tensors come from `tensor()` and from ops. */
  constructor(handle: Handle) {
    super();
    this[kHandle] = handle;
  }

  get #described(): readonly [DType, boolean, ...number[]] {
    return (this.#description ??= native.describe(this[kHandle]));
  }

  /** The type of the elements: 'f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8' or 'bool'. */
  get dtype(): D {
    return this.#described[0] as D;
  }

  /** The extents of the axes; `[]` for a single number. */
  get shape(): readonly number[] {
    return this.#described.slice(2) as number[];
  }

  /** The number of axes. */
  get rank(): number {
    return this.#described.length - 2;
  }

  /** The number of elements. */
  get size(): number {
    return this.shape.reduce((size, extent) => size * extent, 1);
  }

  /** Where the elements are: 'cpu' or 'cuda'. What ops make of them is there too. */
  get device(): Device {
    return native.tensorDevice(this[kHandle]);
  }

  /**
   * The same values on another device; this tensor where it is there already. Waits until the values are computed, and
   * throws what made them invalid; DeviceError with the reason where there is no GPU.
   */
  to(device: Device): Tensor<D> {
    checkDevice('to', device);
    return this.device === device ? this : wrap(native.tensorTo(this[kHandle], device));
  }

  /** Whether a walk back from this tensor reaches something that wants a gradient. */
  get requiresGrad(): boolean {
    return this.#described[1];
  }

  /** Whether the memory was given back: nothing but `isDisposed` and `dispose()` may be used any more. */
  get isDisposed(): boolean {
    return native.isDisposed(this[kHandle]);
  }

  /** The elements in row-major order, once they are computed. Rejects with what made them invalid. */
  async read(): Promise<HostArrays[D]> {
    const [target, source] = this.#forHost();
    const pending = new Promise<void>((resolve, reject) => {
      native.read(source[kHandle], target, error => (error === undefined ? resolve() : reject(error)));
    });
    if (source !== this) source.dispose();
    await pending;
    return target as HostArrays[D];
  }

  /** As `read()`, blocking this thread until everything submitted so far has run. */
  readSync(): HostArrays[D] {
    const [target, source] = this.#forHost();
    try {
      native.readSync(source[kHandle], target);
    } finally {
      if (source !== this) source.dispose();
    }
    return target as HostArrays[D];
  }

  /** The one element, as a number. Throws ShapeError where there are more. */
  async item(): Promise<number> {
    this.#checkOne('item');
    return Number((await this.read())[0]);
  }

  /** As `item()`, blocking. */
  itemSync(): number {
    this.#checkOne('itemSync');
    return Number(this.readSync()[0]);
  }

  /** The elements as nested arrays. */
  async toArray(): Promise<Nested> {
    const values = await this.read();
    const at = (axis: number, offset: number, stride: number): Nested => {
      if (axis === this.rank) return values[offset] ?? 0;
      const extent = this.shape[axis] ?? 0;
      const step = stride / Math.max(extent, 1);
      return Array.from({ length: extent }, (_, i) => at(axis + 1, offset + i * step, step));
    };
    return at(0, 0, this.size);
  }

  /** The same values without a place in the graph. */
  detach(): Tensor<D> {
    return wrap(native.detach(this[kHandle]));
  }

  /**
   * Adds d(this)/d(state) to the `.grad` of every state this tensor depends on. The graph is freed unless `keepGraph`.
   * Throws ShapeError for more than one element without a seed, StateError where nothing requires a gradient.
   */
  backward(options: BackwardOptions = {}): void {
    checkOptions('backward', options, ['seed', 'keepGraph', 'createGraph']);
    const { seed, keepGraph = false, createGraph = false } = options;
    native.backward(this[kHandle], handleOf(seed) as Handle | undefined, keepGraph, createGraph);
  }

  /** Frees the memory now; any later use throws StateError. A second call does nothing. */
  dispose(): void {
    native.dispose(this[kHandle]);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  [inspect.custom](): string {
    return this.isDisposed ? 'Tensor (disposed)' : `Tensor ${this.dtype} [${this.shape.join(', ')}]`;
  }

  // The array to fill, and what fills it: another tensor for half floats, to be disposed by the caller.
  #forHost(): [TypedArray, Tensor] {
    const dtype = hostDType(this.dtype);
    const target = hostArray(dtype, this.size);
    if (dtype === this.dtype) return [target, this];
    using detached = this.detach();
    return [target, cast(detached, dtype)];
  }

  #checkOne(op: string): void {
    if (this.size !== 1) {
      throw new ShapeError(op, `needs one element, got shape [${this.shape.join(', ')}]; use read()`);
    }
  }
}

setTensorClass(handle => new Tensor(handle));

/** Data for `tensor()`: nested arrays, or a typed array, which is copied. */
export type TensorData = Nested | TypedArray;

/** How `tensor()` takes its data. */
export interface TensorOptions<D extends DType> {
  readonly dtype?: D;
  /** The shape of flat data. */
  readonly shape?: readonly number[];
  /** Where it is to be; the one of `setDevice` unless said. */
  readonly device?: Device;
}

/**
 * A tensor from JavaScript data: numbers give f32, booleans bool, bigints i64, typed arrays their own dtype, unless
 * `dtype` says otherwise. Throws ShapeError for ragged arrays or a shape that does not fit, ValueError for what an integer
 * dtype cannot hold.
 *
 * @example
 * tensor([[1, 2], [3, 4]]); // [2, 2]
 * tensor(new Float32Array(6), { shape: [2, 3] }); // [2, 3]
 * tensor([1, 2, 3], { dtype: 'i32' }).dtype; // 'i32'
 */
export function tensor<D extends DType = DType>(data: TensorData, options: TensorOptions<D> = {}): Tensor<D> {
  if (data === null || data === undefined || typeof data === 'string') {
    throw new ValueError('tensor', `data must be numbers or a typed array, got ${String(data)}`);
  }
  checkOptions('tensor', options, ['dtype', 'shape', 'device']);
  if (options.device !== undefined) checkDevice('tensor', options.device);
  if (options.dtype !== undefined) checkDType('tensor', options.dtype);
  if (isTypedArray(data)) return fromTypedArray(data, options);
  const { values, shape } = flatten(data);
  const dtype = options.dtype ?? inferDType(values);
  const made = native.create(hostDType(dtype), options.shape ?? shape, fill(values, dtype), options.device);
  return converted<D>(wrap(made), dtype);
}

function fromTypedArray<D extends DType>(data: TypedArray, options: TensorOptions<D>): Tensor<D> {
  const own = typedArrayDType(data);
  const made = wrap(native.create(own, options.shape ?? [data.length], data, options.device));
  return converted<D>(made, options.dtype ?? own);
}

function converted<D extends DType>(made: Tensor, dtype: DType): Tensor<D> {
  if (made.dtype === dtype) return made as Tensor<D>;
  const result = cast(made, dtype);
  made.dispose();
  return result as Tensor<D>;
}

/**
 * Whether `value` is a Tensor; a State is none.
 *
 * @example
 * isTensor(tensor([1, 2])); // true
 */
export const isTensor = (value: unknown): value is Tensor =>
  typeof value === 'object' && value !== null && kHandle in value && 'backward' in value;

/** The handle of a tensor for native calls that are no ops; throws StateError for anything else. */
export function requireHandle(op: string, x: unknown): Handle {
  const handle = handleOf(x);
  if (handle === x) throw new StateError(op, `needs a tensor, got ${inspect(x, { depth: 0 })}`);
  return handle as Handle;
}
