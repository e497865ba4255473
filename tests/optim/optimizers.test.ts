// Ten steps of every optimizer and option against the rules in plain numbers.
import { optim, state, tensor } from 'hebb';
import type { State } from 'hebb';
import { adam, sgd } from './reference';

type Rule = (p: number, g: number) => number;
type Make = (params: State[]) => { step(): void };

const start = [1, -2, 0.5, 0, 3];

const cases: Record<string, [Make, () => Rule]> = {
  SGD: [p => new optim.SGD(p, { lr: 0.1 }), () => sgd({ lr: 0.1 })],
  'SGD with momentum': [
    p => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }),
    () => sgd({ lr: 0.1, momentum: 0.9 }),
  ],
  'SGD with dampening and decay': [
    p => new optim.SGD(p, { lr: 0.1, momentum: 0.8, dampening: 0.3, weightDecay: 0.1 }),
    () => sgd({ lr: 0.1, momentum: 0.8, dampening: 0.3, weightDecay: 0.1 }),
  ],
  'SGD with Nesterov': [
    p => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
    () => sgd({ lr: 0.1, momentum: 0.9, nesterov: true }),
  ],
  'SGD climbing': [
    p => new optim.SGD(p, { lr: 0.1, maximize: true }),
    () => sgd({ lr: 0.1, maximize: true }),
  ],
  Adam: [p => new optim.Adam(p), () => adam({ lr: 1e-3, decoupled: false })],
  'Adam with options': [
    p => new optim.Adam(p, { lr: 0.1, betas: [0.8, 0.9], eps: 0.01, weightDecay: 0.1 }),
    () => adam({ lr: 0.1, betas: [0.8, 0.9], eps: 0.01, weightDecay: 0.1, decoupled: false }),
  ],
  'Adam with amsgrad': [
    p => new optim.Adam(p, { lr: 0.1, betas: [0.5, 0.5], amsgrad: true }),
    () => adam({ lr: 0.1, betas: [0.5, 0.5], amsgrad: true, decoupled: false }),
  ],
  AdamW: [p => new optim.AdamW(p, { lr: 0.1 }), () => adam({ lr: 0.1, weightDecay: 0.01, decoupled: true })],
  'AdamW with decay': [
    p => new optim.AdamW(p, { lr: 0.1, weightDecay: 0.5 }),
    () => adam({ lr: 0.1, weightDecay: 0.5, decoupled: true }),
  ],
};

/** Gradients that shrink, so that amsgrad has something to remember. */
const slope = (step: number, i: number): number => Math.sin(3 * step + i) / (1 + step);

describe.each(Object.entries(cases))('%s', (_, [make, rule]) => {
  test.each([
    ['f32', 5],
    ['f64', 7],
  ] as const)('follows its rule in %s', (dtype, digits) => {
    // The first parameter is skipped in every other step: its own count of steps decides its correction.
    const params = [
      state(start, { dtype, requiresGrad: true }),
      state(2, { dtype, requiresGrad: true }),
    ] as State[];
    const optimizer = make(params);
    const rules = [start.map(rule), [rule()]];
    const values = [[...start], [2]];
    for (let step = 0; step < 10; step++) {
      params.forEach((param, k) => {
        if (k === 0 && step % 2 === 1) return;
        const size = values[k]?.length ?? 0;
        const grads = Array.from({ length: size }, (_unused, i) => slope(step, i));
        param.grad = tensor(Float64Array.from(grads), { dtype, shape: param.shape });
        rules[k]?.forEach((next, i) => values[k]?.splice(i, 1, next(values[k]?.[i] ?? NaN, grads[i] ?? NaN)));
      });
      optimizer.step();
    }
    params.forEach((param, k) =>
      [...param.readSync()].forEach((value, i) =>
        expect(Number(value)).toBeCloseTo(values[k]?.[i] ?? NaN, digits),
      ),
    );
  });
});
