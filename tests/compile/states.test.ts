// States under compiled steps: the rules that hold for them eagerly hold here as well.
import { compile, nn, optim, state, tensor } from 'hebb';
import type { State, Tensor } from 'hebb';
import * as ops from '../../ts/ops.gen';
import { randomCounter, seed, setRandomCounter } from '../../ts/random';
import { flush, setThreads, threads } from '../../ts/runtime';
import { numbers, trained } from './trained';

const gradOf = (w: State): Tensor => w.grad as Tensor;

const mlp = (): nn.Sequential =>
  nn.sequential(new nn.Linear(6, 16), new nn.ReLU(), new nn.Dropout(0.25), new nn.Linear(16, 3));

interface Run {
  losses: number[];
  weights: number[][];
}

// Trains the same model eagerly or compiled.
async function train(
  compiled: boolean,
  make: (model: nn.Module) => { step(): void },
  model: nn.Sequential = mlp(),
): Promise<Run> {
  seed(11);
  const x = ops.normal([7, 6]);
  const target = ops.randint(0, 3, [7]);
  const { losses, weights } = await trained(compiled, model, make(model), [x, target], 12);
  return { losses, weights };
}

const seeded = (): nn.Sequential => {
  seed(4);
  return mlp();
};

describe('a compiled run gives the bits of an eager one', () => {
  test.each([
    ['SGD', (m: nn.Module) => new optim.SGD(m.parameters(), { lr: 0.1 })],
    ['momentum', (m: nn.Module) => new optim.SGD(m.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true })],
    ['Adam', (m: nn.Module) => new optim.Adam(m.parameters(), { lr: 0.01, weightDecay: 0.1 })],
    ['AdamW, amsgrad', (m: nn.Module) => new optim.AdamW(m.parameters(), { lr: 0.01, amsgrad: true })],
  ])('%s, with dropout', async (_, make) => {
    const eager = await train(false, make, seeded());
    const compiled = await train(true, make, seeded());
    expect(compiled).toEqual(eager);
    expect(new Set(eager.losses).size).toBeGreaterThan(6);
  });

  test('on one thread and on two', async () => {
    const before = threads();
    const make = (m: nn.Module): { step(): void } => new optim.Adam(m.parameters());
    setThreads(1);
    const one = await train(true, make, seeded());
    setThreads(2);
    const two = await train(true, make, seeded());
    setThreads(before);
    expect(two).toEqual(one);
  });
});

test('dropout draws on where the last run ended, eager, compiled or resumed', async () => {
  const layer = new nn.Dropout(0.5);
  const x = ops.ones([64]);
  const step = compile((input: Tensor) => [layer.forward(input), ops.uniform([3])]);
  const eager = (): Tensor[] => [layer.forward(x), ops.uniform([3])];
  seed(9);
  const want: number[][] = [];
  for (let i = 0; i < 4; i++) for (const y of eager()) want.push(await numbers(y));
  const end = randomCounter();
  seed(9);
  const got: number[][] = [];
  for (const y of await step(x)) got.push(await numbers(y));
  const place = randomCounter();
  for (const y of eager()) got.push(await numbers(y));
  seed(9);
  setRandomCounter(place);
  for (const y of eager()) expect(got).toContainEqual(await numbers(y));
  for (const y of await step(x)) got.push(await numbers(y));
  for (const y of await step(x)) got.push(await numbers(y));
  expect(got).toEqual(want);
  expect(randomCounter()).toBe(end);
  expect(step.recordings).toBe(1);
});

test('a changed learning rate needs no new recording', async () => {
  const w = state([1], { requiresGrad: true });
  const optimizer = new optim.SGD([w], { lr: 0.5 });
  const step = compile(() => {
    ops.sum(w).backward();
    optimizer.step();
  });
  const seen: number[] = [];
  for (const lr of [0.5, 0.25, 0.25, 0]) {
    optimizer.lr = lr;
    await step();
    seen.push(...(await numbers(w)));
  }
  expect(seen).toEqual([0.5, 0.25, 0, 0]);
  expect(step.recordings).toBe(1);
});

test('a snapshot never changes, taken before or between runs', async () => {
  const w = state([1, 2]);
  const outer = w.value();
  const step = compile((x: Tensor) => {
    w.assign(ops.add(w, x));
    return outer.mul(10);
  });
  const first = await step(tensor([1, 1]));
  const between = w.value();
  const second = await step(tensor([1, 1]));
  expect(await numbers(outer)).toEqual([1, 2]);
  expect(await numbers(between)).toEqual([2, 3]);
  expect(await numbers(w)).toEqual([3, 4]);
  expect([await numbers(first), await numbers(second)]).toEqual([
    [10, 20],
    [10, 20],
  ]);
});

test('a snapshot of the argument that is written is the value at the call', async () => {
  const w = state([1, 2]);
  const step = compile((x: Tensor) => {
    w.assign(ops.mul(w, 2));
    return ops.add(x, w);
  });
  expect(await numbers(await step(w.value()))).toEqual([3, 6]);
  expect(await numbers(await step(w as never))).toEqual([6, 12]);
});

test('a snapshot taken inside, then written, keeps the old value', async () => {
  const w = state([1]);
  const step = compile(() => {
    const old = w.value();
    w.assign(ops.add(w, 1));
    const middle = w.value();
    w.assign(ops.mul(w, 10));
    return [old, middle, w.value()];
  });
  const seen: number[][] = [];
  for (let i = 0; i < 2; i++) seen.push(await Promise.all((await step()).map(x => x.item())));
  expect(seen).toEqual([
    [1, 2, 20],
    [20, 21, 210],
  ]);
});

test('versions count every write', async () => {
  const w = state([1]);
  const step = compile(() => {
    w.assign([2]);
    w.assign([3]);
  });
  await step();
  await step();
  expect(w.version).toBe(5);
});

describe('gradients', () => {
  test('one present at exit is state: steps accumulate', async () => {
    const w = state([1, 1], { requiresGrad: true });
    const micro = compile((x: Tensor) => void ops.mul(w, x).sum().backward());
    for (let i = 1; i <= 4; i++) await micro(tensor([i, 10]));
    expect(await numbers(w.grad as Tensor)).toEqual([10, 40]);
    // Without a gradient at entry, and with one.
    expect(micro.recordings).toBe(2);
    const optimizer = new optim.SGD([w], { lr: 1 });
    const update = compile(() => optimizer.step());
    await update();
    expect(await numbers(w)).toEqual([-9, -39]);
    expect(w.grad).toBeUndefined();
    await micro(tensor([1, 1]));
    expect(await numbers(gradOf(w))).toEqual([1, 1]);
    expect(micro.recordings).toBe(2);
  });

  test('a step consumes them, unless it is told to keep them', async () => {
    const w = state([1], { requiresGrad: true });
    const optimizer = new optim.SGD([w], { lr: 1 });
    const keep = compile(() => {
      w.grad = undefined;
      ops.square(w).sum().backward();
      optimizer.step({ keepGrads: true });
    });
    await keep();
    await keep();
    expect([await numbers(w), await numbers(w.grad as Tensor)]).toEqual([[1], [-2]]);
    expect(keep.recordings).toBe(1);
  });

  test('one that the step does not look at stays', async () => {
    const w = state([1], { requiresGrad: true });
    const step = compile(() => ops.mul(w, 2).detach());
    await step();
    w.grad = tensor([5]);
    await step();
    expect(await numbers(w.grad)).toEqual([5]);
    expect(step.recordings).toBe(1);
  });

  test('frozen and shared weights', async () => {
    const shared = new nn.Linear(2, 2);
    const optimizer = new optim.SGD(shared.parameters(), { lr: 0.1 });
    const step = compile((x: Tensor) => {
      const loss = shared.forward(shared.forward(x)).square().sum();
      loss.backward();
      optimizer.step();
      return loss;
    });
    const x = ops.ones([1, 2]);
    await step(x);
    const bias = await numbers(shared.bias as never);
    const weight = await numbers(shared.weight);
    shared.weight.requiresGrad = false;
    await step(x);
    expect(step.recordings).toBe(2);
    expect(await numbers(shared.weight)).toEqual(weight);
    expect(await numbers(shared.bias as never)).not.toEqual(bias);
  });
});

describe('records anew when something it read has changed', () => {
  test('the mode of a module', async () => {
    const layer = new nn.Dropout(0.5);
    const model = nn.sequential(layer);
    const step = compile((x: Tensor) => model.forward(x));
    const x = ops.ones([200]);
    expect(new Set(await numbers(await step(x)))).toEqual(new Set([0, 2]));
    model.eval();
    expect(new Set(await numbers(await step(x)))).toEqual(new Set([1]));
    model.train();
    expect(new Set(await numbers(await step(x)))).toEqual(new Set([0, 2]));
  });

  test('a replaced module, a number, an element of a list', async () => {
    class Net extends nn.Module {
      head = new nn.Linear(2, 1, { bias: false });
      scale = 1;
      list = [new nn.Linear(2, 2, { bias: false })];
      forward(x: Tensor): Tensor {
        return this.head.forward(this.list.reduce((y, layer) => layer.forward(y), x)).mul(this.scale);
      }
    }
    const net = new Net();
    const set = (layer: nn.Linear, value: number): void =>
      layer.weight.assign(ops.full(layer.weight.shape, value));
    set(net.head, 1);
    for (const layer of net.list) set(layer, 1);
    const step = compile((x: Tensor) => net.forward(x));
    const x = ops.ones([1, 2]);
    const value = async (): Promise<number> => await (await step(x)).item();
    expect(await value()).toBe(4);
    net.scale = 3;
    expect(await value()).toBe(12);
    net.head = new nn.Linear(2, 1, { bias: false });
    set(net.head, 2);
    expect(await value()).toBe(24);
    net.list.push(new nn.Linear(2, 2, { bias: false }));
    set(net.list[1] as nn.Linear, 1);
    expect(await value()).toBe(48);
    expect(step.recordings).toBe(4);
    // Other models may change without a new recording.
    new Net().scale = 5;
    expect(await value()).toBe(48);
    expect(step.recordings).toBe(4);
  });

  test('a parameter that belongs to no optimizer is reported', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const [known, forgotten] = [new nn.Linear(2, 2), new nn.Linear(2, 3, { bias: false })];
    const optimizer = new optim.SGD(known.parameters(), { lr: 0.1 });
    const step = compile((x: Tensor) => {
      forgotten.forward(known.forward(x)).sum().backward();
      optimizer.step();
    });
    await step(ops.ones([1, 2]));
    expect(warn.mock.calls.map(call => call[0])).toEqual([
      'compile: 1 parameters get a gradient that no optimizer of the step uses: shapes [3, 2]; ' +
        'give them to the optimizer or freeze them',
    ]);
    warn.mockRestore();
  });
});

describe('bad indices', () => {
  const message = /^crossEntropy: target 9 at row 1 is out of range; use 0\.\.3$/;

  test('poison the results and leave every state alone', async () => {
    const model = nn.sequential(new nn.Linear(3, 4));
    const seen = state([0]);
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 });
    const step = compile((x: Tensor, target: Tensor) => {
      seen.assign(ops.add(seen, 1));
      const loss = nn.crossEntropy(model.forward(x), target);
      loss.backward();
      optimizer.step();
      return loss;
    });
    const x = ops.ones([2, 3]);
    await step(x, tensor([0, 1], { dtype: 'i32' }));
    const weight = await numbers(model.parameters()[0] as never);
    const loss = await step(x, tensor([0, 9], { dtype: 'i32' }));
    await expect(loss.item()).rejects.toThrow(message);
    expect(await numbers(model.parameters()[0] as never)).toEqual(weight);
    expect(await numbers(seen)).toEqual([1]);
    await step(x, tensor([0, 1], { dtype: 'i32' }));
    expect(await numbers(model.parameters()[0] as never)).not.toEqual(weight);
    expect(await numbers(seen)).toEqual([2]);
  });

  test('the next call rejects or throws where nobody read the result, with the line of the op', async () => {
    const step = compile((x: Tensor, target: Tensor) => nn.crossEntropy(x, target));
    const x = ops.ones([2, 4]);
    const target = tensor([0, 9], { dtype: 'i32' });
    await step(x, target);
    await expect(flush()).rejects.toThrow(message);
    const again = (async () => {
      await step(x, target);
      for (let i = 0; i < 100; i++) await step(x, tensor([0, 1], { dtype: 'i32' }));
    })();
    const error: unknown = await again.catch((caught: unknown) => caught);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    expect((error as Error).stack).toMatch(/states\.test\.ts/);
    await flush();
  });
});
