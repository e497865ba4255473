// What all optimizers share: gradients, learning rates, groups, saving, refusals.
import { nn, optim, seed, ShapeError, square, state, tensor, ValueError } from 'hebb';
import type { State } from 'hebb';

const parameter = (...values: number[]): State => state(values, { requiresGrad: true });
const read = (x: State): number[] => Array.from(x.readSync(), Number);

test('a step consumes the gradients, unless they are kept', () => {
  const [used, unused] = [parameter(1, 2), parameter(3)];
  const optimizer = new optim.SGD([used, unused], { lr: 0.5 });
  square(used).sum().backward();
  optimizer.step({ keepGrads: true });
  expect(used.grad).toBeDefined();
  optimizer.step();
  expect(used.grad).toBeUndefined();
  expect(read(used)).toEqual([-1, -2]);
  optimizer.step();
  expect([read(used), read(unused)]).toEqual([[-1, -2], [3]]);
  square(used).sum().backward();
  optimizer.zeroGrad();
  expect(used.grad).toBeUndefined();
});

test('a snapshot taken before a step keeps its value', () => {
  const p = parameter(1);
  const before = p.value();
  p.grad = tensor([1]);
  new optim.SGD([p], { lr: 1 }).step();
  expect([[...before.readSync()], read(p)]).toEqual([[1], [0]]);
});

test('setting lr changes the next step', () => {
  const p = parameter(1);
  const optimizer = new optim.SGD([p], { lr: 1 });
  optimizer.lr = 0.25;
  expect(optimizer.lr).toBe(0.25);
  p.grad = tensor([1]);
  optimizer.step();
  expect(read(p)).toEqual([0.75]);
  expect(() => (optimizer.lr = NaN)).toThrow(/^SGD: lr must be a finite number of 0 or more, got NaN$/);
});

test('groups have options of their own', () => {
  const [a, b] = [parameter(1), parameter(1)];
  const optimizer = new optim.SGD(
    [
      { params: [a], lr: 0.1 },
      { params: [b], weightDecay: 1 },
    ],
    { lr: 0.5 },
  );
  expect(optimizer.groupRates).toEqual([0.1, 0.5]);
  a.grad = tensor([1]);
  b.grad = tensor([0]);
  optimizer.step();
  expect(read(a)[0]).toBeCloseTo(0.9, 6);
  expect(read(b)).toEqual([0.5]);
  optimizer.groupRates = [0.2, 0.3];
  expect([optimizer.lr, optimizer.groupRates]).toEqual([0.2, [0.2, 0.3]]);
  expect(() => (optimizer.groupRates = [1])).toThrow(
    /^SGD: got 1 learning rates for 2 groups; give one for each$/,
  );
});

describe('saving', () => {
  const train = (p: State, optimizer: optim.Adam, steps: number): void => {
    for (let step = 0; step < steps; step++) {
      square(p).sum().backward();
      optimizer.step();
    }
  };

  test('a loaded optimizer goes on as the saved one would', () => {
    const [p, q] = [parameter(1, -2), parameter(0, 0)];
    const first = new optim.Adam([p], { lr: 0.1 });
    train(p, first, 3);
    const second = new optim.Adam([q], { lr: 0.7 });
    q.assign(p.value());
    second.loadStateDict(first.stateDict());
    expect(Object.keys(first.stateDict().states)).toEqual(['0.m', '0.v', '0.step']);
    expect(second.lr).toBe(0.1);
    train(p, first, 3);
    train(q, second, 3);
    expect(read(q)).toEqual(read(p));
  });

  test('names and shapes are checked before anything is written', () => {
    const p = parameter(1, 2);
    const optimizer = new optim.Adam([p]);
    train(p, optimizer, 1);
    const { lr, states } = optimizer.stateDict();
    const before = read(optimizer.stateDict().states['0.m'] ?? p);
    expect(() => optimizer.loadStateDict({ lr, states: { ...states, '1.m': p } })).toThrow(
      new ValueError('Adam.loadStateDict', 'unexpected 1.m; use what this optimizer saved'),
    );
    expect(() => optimizer.loadStateDict({ lr, states: { ...states, '0.v': parameter(1) } })).toThrow(
      new ShapeError('Adam.loadStateDict', '0.v has shape [1], needs [2]'),
    );
    expect(() => optimizer.loadStateDict({ lr, states: { '0.m': p } })).toThrow(
      new ValueError('Adam.loadStateDict', 'missing 0.v, 0.step; load all of a parameter or nothing'),
    );
    expect(() => optimizer.loadStateDict({ lr: [], states })).toThrow(
      new ValueError('Adam.loadStateDict', 'got 0 learning rates for 1 groups; give one for each'),
    );
    expect(read(optimizer.stateDict().states['0.m'] ?? p)).toEqual(before);
  });
});

test('training a small model lowers its loss, the same with the same seed', () => {
  const run = (): number[] => {
    seed(2);
    const model = nn.sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 1));
    const optimizer = new optim.AdamW(model.parameters(), { lr: 0.02 });
    const x = tensor([
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ]);
    const y = tensor([[0], [1], [1], [0]]);
    return Array.from({ length: 200 }, () => {
      const loss = nn.mseLoss(model.forward(x), y);
      loss.backward();
      optimizer.step();
      return loss.itemSync();
    });
  };
  const losses = run();
  expect(losses.at(-1)).toBeLessThan(0.02);
  expect(losses[0]).toBeGreaterThan(0.1);
  expect(run()).toEqual(losses);
});

const p = parameter(1);

test.each<[string, () => unknown, string]>([
  ['no parameters', () => new optim.SGD([]), 'SGD: got no parameters; pass model.parameters()'],
  [
    'a model',
    () => new optim.SGD(new nn.ReLU() as never),
    'SGD: params must be an array of states or groups, got ReLU {}',
  ],
  [
    'a number',
    () => new optim.Adam([3 as never]),
    'Adam: params[0] must be a state, got 3; pass model.parameters()',
  ],
  ['twice', () => new optim.Adam([p, p]), 'Adam: params[1] is listed twice; list each state once'],
  ['lr', () => new optim.AdamW([p], { lr: -1 }), 'AdamW: lr must be a finite number of 0 or more, got -1'],
  [
    'betas',
    () => new optim.Adam([p], { betas: [0.9, 1] }),
    'Adam: betas[1] must be a number in [0, 1), got 1',
  ],
  [
    'beta',
    () => new optim.Adam([p], { betas: 0.9 as never }),
    'Adam: betas must be two numbers in [0, 1), got 0.9',
  ],
  ['eps', () => new optim.Adam([p], { eps: NaN }), 'Adam: eps must be a finite number of 0 or more, got NaN'],
  [
    'nesterov',
    () => new optim.SGD([p], { nesterov: true }),
    'SGD: nesterov has momentum 0 and dampening 0; it needs a momentum above 0 and no dampening',
  ],
  [
    'dampening',
    () => new optim.SGD([p], { dampening: Infinity }),
    'SGD: dampening must be a finite number, got Infinity',
  ],
  [
    'an option',
    () => new optim.SGD([p], { learningRate: 1 } as object),
    'SGD: has no option learningRate; use lr, momentum, dampening, nesterov, weightDecay, maximize',
  ],
  [
    'a group option',
    () => new optim.SGD([{ params: [p], momentun: 1 } as never]),
    'SGD: has no option momentun; use lr, momentum, dampening, nesterov, weightDecay, maximize',
  ],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(ValueError);
  expect(make).toThrow(message);
});
