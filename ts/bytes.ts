// Tensors as raw bytes, for files: every dtype as it lies in memory, little-endian.
import { kHandle, wrap } from './handle';
import type { TensorLike } from './handle';
import { native } from './native';
import type { DType } from './native';
import type { Tensor } from './tensor';

const sizes: Readonly<Record<DType, number>> = {
  f32: 4,
  f64: 8,
  f16: 2,
  bf16: 2,
  i32: 4,
  i64: 8,
  u8: 1,
  bool: 1,
};

/** Bytes per element. */
export const itemSize = (dtype: DType): number => sizes[dtype];

/** A tensor from its bytes, which are copied. Throws ShapeError where their number does not fit. */
export const fromBytes = <D extends DType>(
  dtype: D,
  shape: readonly number[],
  bytes: Uint8Array,
): Tensor<D> => wrap(native.create(dtype, shape, bytes));

/** The bytes of a tensor or state, once computed. */
export async function toBytes(x: TensorLike & { readonly size: number }): Promise<Uint8Array> {
  const target = new Uint8Array(x.size * sizes[x.dtype]);
  await new Promise<void>((resolve, reject) => {
    native.read(x[kHandle], target, error => (error === undefined ? resolve() : reject(error)));
  });
  return target;
}

/** The value of a tensor or state at this moment, sharing its memory; later writes to the state do not change it. */
export const view = (x: TensorLike): Tensor => wrap(native.detach(x[kHandle]));
