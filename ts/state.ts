// State: what changes. Parameters, running statistics, moments, counters.
import { inspect } from 'node:util';
import { checkDevice } from './device';
import { ShapeError } from './errors';
import { checkOptions, kHandle, wrap } from './handle';
import type { TensorLike } from './handle';
import type { HostArrays } from './host';
import { native } from './native';
import type { Device, DType, Handle } from './native';
import { requireHandle, tensor } from './tensor';
import type { Tensor, TensorData } from './tensor';

/**
 * A cell with identity: ops take it wherever they take a tensor and see the value it has at that moment, which later
 * writes do not change. With `requiresGrad`, `backward()` adds up its gradient in `grad`.
 *
 * @example
 * const w = state([1, 2], { requiresGrad: true });
 * square(w).sum().backward();
 * await w.grad?.read(); // Float32Array [2, 4]
 */
export class State<D extends DType = DType> implements TensorLike<D> {
  readonly [kHandle]: Handle;
  readonly dtype: D;
  readonly shape: readonly number[];
  /** Whether it was made to be trained: it stays a parameter of its module while frozen. */
  readonly isParameter: boolean;
  #requiresGrad: boolean;

  /** Not for callers: states come from `state()`. */
  constructor(handle: Handle) {
    const [dtype, requiresGrad, ...shape] = native.describe(handle);
    this[kHandle] = handle;
    this.dtype = dtype as D;
    this.shape = shape;
    this.#requiresGrad = requiresGrad;
    this.isParameter = requiresGrad;
  }

  /** The number of elements. */
  get size(): number {
    return this.shape.reduce((size, extent) => size * extent, 1);
  }

  /** Whether `backward()` adds up a gradient here; false freezes a parameter. Throws DTypeError for integers. */
  get requiresGrad(): boolean {
    return this.#requiresGrad;
  }

  set requiresGrad(value: boolean) {
    native.stateSetRequiresGrad(this[kHandle], value);
    this.#requiresGrad = value;
  }

  /** The sum of the gradients since it was last cleared; undefined where there was none. Each read gives a new tensor. */
  get grad(): Tensor<D> | undefined {
    const grad = native.stateGrad(this[kHandle]);
    return grad === undefined ? undefined : wrap<D>(grad);
  }

  set grad(value: Tensor | undefined) {
    native.stateSetGrad(this[kHandle], value === undefined ? undefined : requireHandle('grad', value));
  }

  /** Where its memory is: 'cpu' or 'cuda'. */
  get device(): Device {
    return native.tensorDevice(this[kHandle]);
  }

  /** Moves the value, and the gradient, to another device; it stays the same cell. Waits until they are computed. */
  to(device: Device): this {
    checkDevice('to', device);
    native.stateTo(this[kHandle], device);
    return this;
  }

  /** The value as it is now. */
  value(): Tensor<D> {
    return wrap(native.stateSnapshot(this[kHandle]));
  }

  /** Writes a value of the same or a broadcastable shape, cast to this dtype. */
  assign(value: TensorData | TensorLike): void {
    if (typeof value === 'object' && value !== null && kHandle in value) {
      native.stateAssign(this[kHandle], value[kHandle]);
      return;
    }
    using made = tensor(value as TensorData, { dtype: this.dtype, ...this.#flatShape(value as TensorData) });
    native.stateAssign(this[kHandle], made[kHandle]);
  }

  /** The value, once it is computed. */
  async read(): Promise<HostArrays[D]> {
    using snapshot = this.value();
    return await snapshot.read();
  }

  /** As `read()`, blocking. */
  readSync(): HostArrays[D] {
    using snapshot = this.value();
    return snapshot.readSync();
  }

  /** How often it has been written. */
  get version(): number {
    return native.stateVersion(this[kHandle]);
  }

  [inspect.custom](): string {
    return `State ${this.dtype} [${this.shape.join(', ')}]${this.#requiresGrad ? ' requiresGrad' : ''}`;
  }

  // A typed array has no shape of its own: it takes this one.
  #flatShape(value: TensorData): { shape?: readonly number[] } {
    if (!ArrayBuffer.isView(value)) return {};
    if (value.length !== this.size && value.length !== 1) {
      throw new ShapeError(
        'assign',
        `${value.length} values do not fit a state of shape [${this.shape.join(', ')}]`,
      );
    }
    return value.length === this.size ? { shape: this.shape } : {};
  }
}

/** How a state is made. */
export interface StateOptions<D extends DType> {
  readonly dtype?: D;
  readonly shape?: readonly number[];
  readonly requiresGrad?: boolean;
  /** Where it is to be; the one of the value, or of `setDevice`, unless said. */
  readonly device?: Device;
}

/**
 * A new cell with the value of a tensor or of JavaScript data. Throws DTypeError for a gradient of integers.
 *
 * @example
 * const step = state(0, { dtype: 'i32' });
 * step.assign(5);
 * await step.read(); // Int32Array [5]
 */
export function state<D extends DType = DType>(
  value: TensorData | TensorLike<D>,
  options: StateOptions<D> = {},
): State<D> {
  checkOptions('state', options, ['dtype', 'shape', 'requiresGrad', 'device']);
  const { requiresGrad = false, ...rest } = options;
  if (typeof value === 'object' && value !== null && kHandle in value) {
    if (options.device !== undefined) checkDevice('state', options.device);
    return new State(native.stateCreate(value[kHandle], requiresGrad, options.device));
  }
  using made = tensor(value as TensorData, rest);
  return new State(native.stateCreate(made[kHandle], requiresGrad, options.device));
}

/**
 * Whether `value` is a State.
 *
 * @example
 * isState(model.parameters()[0]); // true
 */
export const isState = (value: unknown): value is State =>
  typeof value === 'object' && value !== null && kHandle in value && 'assign' in value;
