// Derivatives by differences along directions, for holding gradients against in float64.
import { grad, valueAndGrad } from '../../ts/autograd';
import * as ops from '../../ts/ops.gen';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';
import { isFloat } from './matrix-dtype';
import { gauss, isDrawn, isDrawnList, numbers } from './matrix-draw';
import type { Call, Drawn } from './matrix-draw';
import { evaluate, place } from './matrix-run';
import type { Place } from './matrix-run';
import { size } from './sample';
import type { Nd } from './sample';

const step = 1e-5;
const tolerance = 2e-7;

/** A differentiable input of a call and where it stands. */
interface Variable {
  readonly at: string;
  readonly x: Drawn;
}

/** Float tensors that a gradient can be asked for, in argument order. */
export function variables(call: Call): Variable[] {
  if (call.op.writes) return [];
  return call.args
    .flatMap(({ value }, i) =>
      isDrawn(value)
        ? [{ at: `${i}`, x: value }]
        : isDrawnList(value)
          ? value.map((x, k) => ({ at: `${i}.${k}`, x }))
          : [],
    )
    .filter(({ x }) => isFloat(x.dtype));
}

const weights = (shape: readonly number[], label: string): Float64Array => numbers(label, size(shape), gauss);

const constants = (shape: readonly number[], label: string): Drawn => ({
  data: weights(shape, label),
  shape,
  dtype: 'f64',
  free: false,
});

const total = (terms: readonly Tensor[]): Tensor =>
  terms.reduce((sum, term) => sum.add(term), tensor(0, { dtype: 'f64' }));

/** The float results, from inputs of which `tensors` replace those that `given` names. */
function floatResults(call: Call, given: readonly Variable[], tensors: readonly Tensor[]): Tensor[] {
  const put: Place = (x, at) => tensors[given.findIndex(variable => variable.at === at)] ?? place(x);
  return evaluate(call, put).filter(y => isFloat(y.dtype));
}

/** The weights that `weighted` uses: random numbers of each result's shape. */
const weightsOf = (results: readonly Tensor[]): Variable[] =>
  results.map((y, i) => ({ at: `w${i}`, x: constants(y.shape, `w ${i}`) }));

/** sum over results of sum(result * w): one number with everything in it. */
function weighted(results: readonly Tensor[], w: readonly Tensor[]): Tensor {
  return total(
    results.map((y, i) => ops.sum(ops.mul(ops.cast(y, 'f64'), w[i] ?? place(constants(y.shape, `w ${i}`))))),
  );
}

type Scalar = (...x: Tensor[]) => Tensor;

const moved = (x: Drawn, direction: Float64Array, amount: number): Drawn => ({
  ...x,
  data: x.data.map((value, i) => value + amount * (direction[i] ?? 0)),
});

/** The derivative of f along a direction of one input: five points, so that the error is of fourth order. */
function slope(f: Scalar, list: readonly Variable[], which: number, direction: Float64Array): Tensor {
  const value = (amount: number): Tensor =>
    f(...list.map(({ x }, i) => place(i === which ? moved(x, direction, amount) : x)));
  const near = value(step).sub(value(-step));
  const far = value(2 * step).sub(value(-2 * step));
  return near
    .mul(8)
    .sub(far)
    .div(12 * step);
}

/** A random direction and the first and last element alone. */
function directions(x: Drawn): Float64Array[] {
  const length = x.data.length;
  if (length === 0) return [];
  const list = numbers('direction', length, gauss);
  const most = Math.max(...list.map(Math.abs));
  const unit = (at: number): Float64Array => Float64Array.from({ length }, (_, i) => Number(i === at));
  return length === 1 ? [unit(0)] : [list.map(value => value / most), unit(0), unit(length - 1)];
}

const readNumbers = (x: Tensor): Float64Array => Float64Array.from(x.readSync(), Number);

/** What is wrong with a gradient of x, given the derivatives along `directions(x)`. */
function wrongGradient(
  { x, at }: Variable,
  own: Tensor | undefined,
  numeric: readonly number[],
): string | undefined {
  if (own === undefined) return `no gradient of argument ${at}`;
  if (own.shape.join() !== x.shape.join() || own.dtype !== x.dtype) {
    return `the gradient of argument ${at} is ${own.dtype} [${own.shape.join(', ')}]`;
  }
  const grad = readNumbers(own);
  for (const [k, direction] of directions(x).entries()) {
    const terms = direction.map((d, i) => d * (grad[i] ?? 0));
    const analytic = terms.reduce((sum, term) => sum + term, 0);
    const scale = terms.reduce((sum, term) => sum + Math.abs(term), 1);
    const found = numeric[k] ?? NaN;
    if (!(Math.abs(analytic - found) <= tolerance * scale)) {
      return `d/d(argument ${at}) is ${analytic}, by differences ${found}`;
    }
  }
  return undefined;
}

/** Holds the gradient of f against differences; where f is NaN it has none. */
export function disagreement(f: Scalar, list: readonly Variable[]): () => string | undefined {
  const [value, grads] = valueAndGrad(f, { wrt: list.map((_, i) => i) })(...list.map(({ x }) => place(x)));
  const slopes = list.map(({ x }, which) => directions(x).map(direction => slope(f, list, which, direction)));
  const flat = slopes.flat();
  const together = flat.length === 0 ? undefined : ops.stack(flat);
  return () => {
    if (Number.isNaN(value.itemSync())) return undefined;
    const numeric = [...(together === undefined ? [] : readNumbers(together))];
    return list
      .map((variable, i) => wrongGradient(variable, grads[i], numeric.splice(0, slopes[i]?.length ?? 0)))
      .find(Boolean);
  };
}

/** Checks the first derivative of a float64 call by every input. */
export function checkFirst(call: Call): () => string | undefined {
  const list = variables(call);
  return disagreement((...x) => weighted(floatResults(call, list, x), []), list);
}

/** Checks the derivative of the gradients, contracted with random numbers, by every input and by dy; NaN has none. */
export function checkSecond(call: Call): () => string | undefined {
  const list = variables(call);
  const wrt = list.map((_, i) => i);
  const first: Scalar = (...all) => {
    const w = all.slice(list.length);
    const f: Scalar = (...x) => weighted(floatResults(call, list, x), w);
    const grads = grad(f, { wrt })(...all.slice(0, list.length));
    return total(grads.map((g, i) => ops.sum(ops.mul(g, place(constants(g.shape, `v ${i}`))))));
  };
  const results = floatResults(call, [], []);
  const check = disagreement(first, [...list, ...weightsOf(results)]);
  return () => (results.some(y => readNumbers(y).some(Number.isNaN)) ? undefined : check());
}

/** Submits the gradients by every float input, placed by `put`; what it gives reads them. */
export function gradients(call: Call, put: Place = place): () => Nd[] {
  const list = variables(call);
  if (list.length === 0) return () => [];
  const f: Scalar = (...x) => weighted(floatResults(call, list, x), []);
  const [, found] = valueAndGrad(f, { wrt: list.map((_, i) => i) })(...list.map(({ x, at }) => put(x, at)));
  return () => found.map(g => ({ data: readNumbers(g), shape: g.shape }));
}

// Relative to the largest element: a gradient is a sum, and its small elements carry the errors of the large ones.
const narrowBounds: Readonly<Record<string, number>> = { f32: 3e-5, f16: 1e-2, bf16: 6e-2 };

const widened = (x: Drawn): Drawn => (x.free && isFloat(x.dtype) ? { ...x, dtype: 'f64' } : x);

/** Holds the gradients of a call in a narrow dtype, which has kernels of its own, against those of the same numbers in f64. */
export function checkNarrow(call: Call): () => string | undefined {
  const args = call.args.map(({ arg, value }) => ({
    arg,
    value: isDrawn(value) ? widened(value) : isDrawnList(value) ? value.map(widened) : value,
  }));
  const [read, readExact] = [gradients(call), gradients({ ...call, args })];
  const limits = variables(call).map(({ x }) => narrowBounds[x.dtype] ?? 1e-12);
  return () => {
    const exact = readExact();
    for (const [k, { data }] of read().entries()) {
      const want = exact[k]?.data ?? new Float64Array(0);
      const scale = want.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      const wrong = data.findIndex(
        (value, i) => !(Math.abs(value - (want[i] ?? NaN)) <= (limits[k] ?? 0) * scale),
      );
      if (wrong >= 0) return `element ${wrong} of gradient ${k} is ${data[wrong]}, in f64 ${want[wrong]}`;
    }
    return undefined;
  };
}
