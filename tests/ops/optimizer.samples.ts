// Samples of the optimizer ops. They write: a reference returns what all states hold afterwards, in argument order.
import { callWith, call, normal, typed, uniform, values } from './sample';
import type { Case, FamilySamples, Input, Nd } from './sample';

interface SgdOptions {
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
  weightDecay?: number;
  maximize?: boolean;
}

interface AdamOptions {
  beta1?: number;
  beta2?: number;
  eps?: number;
  weightDecay?: number;
  decoupled?: boolean;
  amsgrad?: boolean;
}

const copy = (list: readonly Nd[]): Nd[] =>
  list.map(x => ({ shape: x.shape, data: Float64Array.from(x.data) }));

/** Calls visit(i, k) for every element k of every parameter i. */
function each(params: readonly Nd[], visit: (i: number, k: number) => void): void {
  params.forEach((param, i) => param.data.forEach((_, k) => visit(i, k)));
}

const get = (list: readonly Nd[], i: number, k: number): number => list[i]?.data[k] ?? NaN;

const set = (list: readonly Nd[], i: number, k: number, value: number): void => {
  const data = list[i]?.data;
  if (data) data[k] = value;
};

const counted = (steps: readonly Nd[]): Nd[] =>
  steps.map(step => ({ shape: step.shape, data: step.data.map(count => count + 1) }));

type SgdLists = [params: Nd[], momenta: Nd[], steps: Nd[], grads: Nd[], lr: Nd, options?: SgdOptions];

function sgd(...[params, momenta, steps, grads, lr, options = {}]: SgdLists): Nd[] {
  const { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0, maximize = false } = options;
  const [p, buffer, rate] = [copy(params), copy(momenta), lr.data[0] ?? NaN];
  each(params, (i, k) => {
    const g = (maximize ? -1 : 1) * get(grads, i, k) + weightDecay * get(params, i, k);
    const b = get(steps, i, 0) === 0 ? g : momentum * get(momenta, i, k) + (1 - dampening) * g;
    set(buffer, i, k, b);
    set(p, i, k, get(params, i, k) - rate * (momentum === 0 ? g : nesterov ? g + momentum * b : b));
  });
  return [...p, ...buffer, ...counted(steps)];
}

type AdamLists = [
  params: Nd[],
  m: Nd[],
  v: Nd[],
  vmax: Nd[],
  steps: Nd[],
  grads: Nd[],
  lr: Nd,
  options?: AdamOptions,
];

function adam(...[params, m, v, vmax, steps, grads, lr, options = {}]: AdamLists): Nd[] {
  const {
    beta1 = 0.9,
    beta2 = 0.999,
    eps = 1e-8,
    weightDecay = 0,
    decoupled = false,
    amsgrad = false,
  } = options;
  const [p, m1, v1, most, rate] = [copy(params), copy(m), copy(v), copy(vmax), lr.data[0] ?? NaN];
  each(params, (i, k) => {
    const t = get(steps, i, 0) + 1;
    const start = get(params, i, k) * (decoupled ? 1 - rate * weightDecay : 1);
    const g = get(grads, i, k) + (decoupled ? 0 : weightDecay * get(params, i, k));
    const mean = beta1 * get(m, i, k) + (1 - beta1) * g;
    const square = beta2 * get(v, i, k) + (1 - beta2) * g * g;
    const greatest = Math.max(square, get(vmax, i, k));
    set(m1, i, k, mean);
    set(v1, i, k, square);
    set(most, i, k, greatest);
    const scale = Math.sqrt((amsgrad ? greatest : square) / (1 - beta2 ** t)) + eps;
    set(p, i, k, start - (rate * mean) / (1 - beta1 ** t) / scale);
  });
  return [...p, ...m1, ...v1, ...most, ...counted(steps)];
}

const rate = (dtype = 'f32', ...lr: number[]): Input =>
  typed(dtype, lr.length > 0 ? values(...lr) : uniform(0.01, 0.1));
const step = (count: number): Input => typed('i32', values(count));
const noise = (dtype: string): Input[] =>
  [normal(2, 3), normal(5), normal(0), normal()].map(x => typed(dtype, x));
const squares = (dtype: string): Input[] =>
  [[2, 3], [5], [0], []].map(shape => typed(dtype, uniform(0.1, 1, ...shape)));
const steps = [step(0), step(1), step(3), step(12)];
const one = [typed('f32', normal(3))];

const sgdCases: Case[] = ['f32', 'f64'].flatMap(dtype => [
  call(noise(dtype), [], [], noise(dtype), rate(dtype)),
  callWith({ weightDecay: 0.1, maximize: true }, noise(dtype), [], [], noise(dtype), rate()),
  callWith({ momentum: 0.9 }, noise(dtype), noise(dtype), steps, noise(dtype), rate()),
  callWith(
    { momentum: 0.8, dampening: 0.3, weightDecay: 0.1 },
    noise(dtype),
    noise(dtype),
    steps,
    noise(dtype),
    rate(),
  ),
  callWith({ momentum: 0.9, nesterov: true }, noise(dtype), noise(dtype), steps, noise(dtype), rate()),
]);

const adamLists = (dtype: string): Case['args'][number][] => [noise(dtype), noise(dtype), squares(dtype)];

const adamCases: Case[] = ['f32', 'f64'].flatMap(dtype => [
  call(...adamLists(dtype), [], steps, noise(dtype), rate()),
  callWith(
    { beta1: 0.8, beta2: 0.9, eps: 0.01, weightDecay: 0.1 },
    ...adamLists(dtype),
    [],
    steps,
    noise(dtype),
    rate(),
  ),
  callWith({ weightDecay: 0.1, decoupled: true }, ...adamLists(dtype), [], steps, noise(dtype), rate(dtype)),
  callWith({ amsgrad: true }, ...adamLists(dtype), squares(dtype), steps, noise(dtype), rate()),
]);

export const samples: FamilySamples = {
  sgdStep: {
    ref: sgd,
    cases: [call([], [], [], [], rate()), ...sgdCases],
    large: [
      callWith(
        { momentum: 0.9 },
        [typed('f32', normal(67_013)), typed('f32', normal(33, 77))],
        [typed('f32', normal(67_013)), typed('f32', normal(33, 77))],
        [step(1), step(0)],
        [typed('f32', normal(67_013)), typed('f32', normal(33, 77))],
        rate(),
      ),
    ],
    errors: [
      [
        call(one, [], [], [typed('f32', normal(4))], rate()),
        /^sgdStep: grads\[0\] has shape \[4\], its parameter \[3\]; use the same$/,
      ],
      [
        call(one, [], [], [typed('f64', normal(3))], rate()),
        /^sgdStep: grads\[0\] has dtype f64, its parameter f32; use the same$/,
      ],
      [
        call(one, [], [], [], rate()),
        /^sgdStep: grads has 0 entries, the parameters need 1; pass one for each$/,
      ],
      [
        call(one, [], [], one, rate('f32', 1, 2)),
        /^sgdStep: lr has dtype f32 and shape \[2\]; use one f32 or f64 number$/,
      ],
      [
        callWith({ momentum: 0.9 }, one, [], [], one, rate()),
        /^sgdStep: momenta has 0 entries, the parameters need 1; pass one for each$/,
      ],
      [
        callWith({ momentum: 0.9 }, one, one, [], one, rate()),
        /^sgdStep: steps has 0 entries, the parameters need 1; pass one for each$/,
      ],
      [
        callWith({ momentum: 0.9 }, one, one, one, one, rate()),
        /^sgdStep: steps\[0\] has dtype f32 and shape \[3\]; use one i32 number$/,
      ],
      [
        callWith({ momentum: -1 }, one, [], [], one, rate()),
        /^sgdStep: momentum is -1; use a finite number of 0 or more$/,
      ],
      [
        callWith({ dampening: NaN }, one, [], [], one, rate()),
        /^sgdStep: dampening is NaN; use a finite number$/,
      ],
      [
        callWith({ nesterov: true }, one, [], [], one, rate()),
        /^sgdStep: nesterov has momentum 0 and dampening 0; it needs a momentum above 0 and no dampening$/,
      ],
      [
        call([typed('i32', values(1))], [], [], one, rate()),
        /^sgdStep: params\[0\] has dtype i32; use f32 or f64$/,
      ],
    ],
  },
  adamStep: {
    ref: adam,
    cases: [call([], [], [], [], [], [], rate()), ...adamCases],
    large: [
      call(
        [typed('f32', normal(67_013))],
        [typed('f32', normal(67_013))],
        [typed('f32', uniform(0, 1, 67_013))],
        [],
        [step(2)],
        [typed('f32', normal(67_013))],
        rate(),
      ),
    ],
    errors: [
      [
        callWith({ beta1: 1 }, one, one, one, [], [step(0)], one, rate()),
        /^adamStep: beta1 is 1; use a number in \[0, 1\)$/,
      ],
      [
        callWith({ eps: -1 }, one, one, one, [], [step(0)], one, rate()),
        /^adamStep: eps is -1; use a finite number of 0 or more$/,
      ],
      [
        callWith({ amsgrad: true }, one, one, one, [], [step(0)], one, rate()),
        /^adamStep: vmax has 0 entries, the parameters need 1; pass one for each$/,
      ],
      [
        call(one, [typed('f32', normal(2))], one, [], [step(0)], one, rate()),
        /^adamStep: m\[0\] has shape \[2\], its parameter \[3\]; use the same$/,
      ],
    ],
  },
};
