// Fused backward kernels against the plain ops that stand in for them where a second order is asked.
import { grad } from '../../ts/autograd';
import {
  add,
  batchNorm,
  cast,
  crossEntropy,
  full,
  layerNorm,
  logSoftmax,
  mul,
  normal,
  scaledDotProductAttention,
  softmax,
  sub,
  sum,
  swapAxes,
} from '../../ts/ops.gen';
import { seed } from '../../ts/random';
import { scope } from '../../ts/scope';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';

type Scalar = (x: Tensor) => Tensor;

/** The gradient of f at x from the kernel, and from the plain ops that the gradient of a gradient goes through. */
function bothGradients(f: Scalar, x: Tensor): [number[], number[]] {
  return scope(() => {
    const fused = [...grad(f)(x).readSync()].map(Number);
    let plain: number[] = [];
    grad((v: Tensor) => {
      const inner = grad(f)(v);
      plain = [...inner.readSync()].map(Number);
      return sum(cast(inner, 'f32'));
    })(x);
    return [fused, plain];
  });
}

function expectAgreement(f: Scalar, x: Tensor, bound: number): void {
  const [fused, plain] = bothGradients(f, x);
  expect(fused.length).toBe(x.size);
  expect(Math.max(...fused.map(Math.abs))).toBeGreaterThan(1e-3);
  for (const [i, value] of fused.entries()) {
    expect(Math.abs(value - (plain[i] ?? NaN))).toBeLessThanOrEqual(bound);
  }
}

const shape = [7, 11, 5];
seed(1);
const numbers = normal(shape);
const direction = normal(shape);
const x = (dtype: 'f32' | 'f64' | 'f16' | 'bf16'): Tensor => cast(numbers, dtype);
const bounds = { f32: 1e-6, f64: 1e-13, f16: 4e-3, bf16: 4e-2 } as const;

describe.each(['f32', 'f64', 'f16', 'bf16'] as const)('%s', dtype => {
  const w = cast(direction, dtype);

  test.each([0, 1, 2])('softmax along axis %i', axis => {
    expectAgreement(v => sum(mul(softmax(v, { axis }), w)), x(dtype), bounds[dtype]);
  });

  test.each([0, 1, 2])('logSoftmax along axis %i', axis => {
    expectAgreement(v => sum(mul(logSoftmax(v, { axis }), w)), x(dtype), 8 * bounds[dtype]);
  });

  const ids = tensor(
    Int32Array.from({ length: 77 }, (_, i) => (i * 3) % 5),
    { shape: [7, 11] },
  );
  const weight = cast(tensor([0.5, 1, 2, 0.25, 1.5]), dtype);
  test.each([
    ['plain', undefined, {}],
    ['a sum', undefined, { reduction: 'sum' }],
    ['weighted', weight, {}],
    ['smoothed', undefined, { labelSmoothing: 0.2 }],
    ['weighted, smoothed, with ignored rows', weight, { labelSmoothing: 0.3, ignoreIndex: 3 }],
  ] as const)('crossEntropy, %s', (_, given, options) => {
    expectAgreement(v => crossEntropy(v, ids, given, options), x(dtype), bounds[dtype]);
  });

  const scale = cast(tensor([0.5, -1, 2, 0.25, 1.5]), dtype);
  const norms = {
    layerNorm: (v: Tensor, by: Tensor, shift: Tensor): Tensor => layerNorm(v, by, shift),
    batchNorm: (v: Tensor, by: Tensor, shift: Tensor): Tensor => batchNorm(v, by, shift)[0] ?? v,
    'batchNorm with its statistics': (v: Tensor, by: Tensor, shift: Tensor): Tensor =>
      batchNorm(v, by, shift).reduce((all, part) => add(all, part)),
  };
  test.each(Object.entries(norms))('%s by x, weight and bias', (_, norm) => {
    const sumOf = (y: Tensor): Tensor => sum(mul(y, w));
    expectAgreement(v => sumOf(norm(v, scale, scale)), x(dtype), 4 * bounds[dtype]);
    expectAgreement(v => sumOf(norm(x(dtype), mul(v, v), scale)), scale, 40 * bounds[dtype]);
    expectAgreement(v => sumOf(norm(x(dtype), scale, mul(v, v))), scale, 40 * bounds[dtype]);
  });

  // Eleven heads with time first in memory, as a projection leaves them.
  const heads = (v: Tensor): Tensor => swapAxes(v.reshape([7, 11, 5]), 0, 1);
  const [key, value] = [heads(w), heads(mul(w, 0.5))];
  describe.each([false, true])('attention, causal %s', causal => {
    const attend = (q: Tensor, k: Tensor, v: Tensor, mask?: Tensor): Tensor =>
      scaledDotProductAttention(q, k, v, mask, { causal });

    test('has the gradients of its plain ops', () => {
      const ofQuery = (v: Tensor): Tensor => sum(mul(attend(heads(v), key, value), key));
      const ofKey = (v: Tensor): Tensor => sum(mul(attend(key, heads(v), value), key));
      const ofValue = (v: Tensor): Tensor => sum(mul(attend(key, value, heads(v)), key));
      for (const f of [ofQuery, ofKey, ofValue]) expectAgreement(f, x(dtype), 8 * bounds[dtype]);
    });

    test('is what a mask that hides nothing gives', () => {
      const all = full([7, 7], 1, { dtype: 'bool' });
      const q = heads(x(dtype));
      const difference = sub(attend(q, key, value), attend(q, key, value, all));
      expect(Math.max(...Array.from(difference.readSync(), Number).map(Math.abs))).toBeLessThan(
        4 * bounds[dtype],
      );
    });
  });
});
