// The types of the tensor layer, checked by the compiler alone.
import { expectTypeOf } from 'expect-type';
import { grad, valueAndGrad } from '../../ts/autograd';
import type { DType } from '../../ts/native';
import * as ops from '../../ts/ops.gen';
import { scope } from '../../ts/scope';
import { state } from '../../ts/state';
import type { State } from '../../ts/state';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';

const x = tensor([1, 2], { dtype: 'f32' });
const any = tensor([1, 2]);

// A dtype that is written down is carried.
expectTypeOf(x).toEqualTypeOf<Tensor<'f32'>>();
expectTypeOf(any).toEqualTypeOf<Tensor>();
expectTypeOf(x).toExtend<Tensor>();
expectTypeOf<Tensor>().not.toExtend<Tensor<'f32'>>();
expectTypeOf<Tensor<'f32'>>().not.toExtend<Tensor<'f64'>>();
expectTypeOf(x.dtype).toEqualTypeOf<'f32'>();
expectTypeOf(any.dtype).toEqualTypeOf<DType>();
expectTypeOf(x.shape).toEqualTypeOf<readonly number[]>();

// Element-wise ops of one tensor keep it, functions and methods alike.
expectTypeOf(ops.exp(x)).toEqualTypeOf<Tensor<'f32'>>();
expectTypeOf(x.exp().tanh()).toEqualTypeOf<Tensor<'f32'>>();
expectTypeOf(x.detach()).toEqualTypeOf<Tensor<'f32'>>();

// Comparisons are boolean, indices i32, arithmetic of two tensors any dtype.
expectTypeOf(ops.less(x, 1)).toEqualTypeOf<Tensor<'bool'>>();
expectTypeOf(x.equal(x)).toEqualTypeOf<Tensor<'bool'>>();
expectTypeOf(ops.argmax(x)).toEqualTypeOf<Tensor<'i32'>>();
expectTypeOf(ops.add(x, 1)).toEqualTypeOf<Tensor>();
expectTypeOf(ops.matmul(x, x)).toEqualTypeOf<Tensor>();

// What reading gives.
expectTypeOf(x.read()).resolves.toEqualTypeOf<Float32Array>();
expectTypeOf(tensor(1, { dtype: 'f16' }).readSync()).toEqualTypeOf<Float32Array>();
expectTypeOf(tensor(1, { dtype: 'f64' }).readSync()).toEqualTypeOf<Float64Array>();
expectTypeOf(tensor(1, { dtype: 'i32' }).readSync()).toEqualTypeOf<Int32Array>();
expectTypeOf(tensor(1n, { dtype: 'i64' }).readSync()).toEqualTypeOf<BigInt64Array>();
expectTypeOf(ops.less(x, 1).readSync()).toEqualTypeOf<Uint8Array>();
expectTypeOf(x.item()).resolves.toEqualTypeOf<number>();

// States go wherever tensors go.
const w = state([1, 2], { dtype: 'f32', requiresGrad: true });
expectTypeOf(w).toEqualTypeOf<State<'f32'>>();
expectTypeOf(w.value()).toEqualTypeOf<Tensor<'f32'>>();
expectTypeOf(w.grad).toEqualTypeOf<Tensor<'f32'> | undefined>();
expectTypeOf(ops.exp(w)).toEqualTypeOf<Tensor<'f32'>>();
expectTypeOf(x.add(w)).toEqualTypeOf<Tensor>();

// Gradients as functions.
expectTypeOf(grad((y: Tensor) => y.sum())).returns.toEqualTypeOf<Tensor>();
expectTypeOf(grad((y: Tensor) => y.sum(), { wrt: [0] })).returns.toEqualTypeOf<Tensor[]>();
expectTypeOf(valueAndGrad((y: Tensor) => y.sum())).returns.toEqualTypeOf<[Tensor, Tensor]>();
expectTypeOf(valueAndGrad((y: Tensor) => y.sum())).parameters.toEqualTypeOf<[Tensor]>();

// A scope gives what its callback gives.
expectTypeOf(scope(() => ({ y: x.exp() }))).toEqualTypeOf<{ y: Tensor<'f32'> }>();

// Refused: misspelt options, wrong words, wrong kinds.
// @ts-expect-error the option is keepDims
ops.sum(x, { keepdims: true });
// @ts-expect-error a dtype is one of eight words
tensor([1], { dtype: 'float32' });
// @ts-expect-error activations are words of a list
ops.linear(x, x, x, { activation: 'gelu-ish' });
// @ts-expect-error a typed array is no tensor
ops.exp(new Float32Array(2));
// @ts-expect-error the option is requiresGrad
state([1], { requireGrad: true });
// @ts-expect-error there are no in-place ops
x.shape = [1];
// @ts-expect-error the option is keepGraph
x.backward({ retainGraph: true });
