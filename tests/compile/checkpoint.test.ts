// checkpoint(): the same numbers with less memory, eager and compiled.
import { checkpoint, compile, grad, nn, noGrad, optim, state } from 'hebb';
import type { Tensor } from 'hebb';
import * as ops from '../../ts/ops.gen';
import { randomCounter, seed } from '../../ts/random';
import { scope } from '../../ts/scope';

const numbers = async (x: { read(): Promise<unknown> }): Promise<number[]> =>
  Array.from((await x.read()) as Float32Array, Number);

interface Outcome {
  readonly losses: number[];
  readonly states: number[][];
  readonly counter: number;
}

async function train(lean: boolean, compiled: boolean): Promise<Outcome> {
  seed(5);
  const part = (): nn.Sequential =>
    nn.sequential(
      new nn.Linear(8, 12),
      new nn.BatchNorm1d(12),
      new nn.GELU(),
      new nn.Dropout(0.3),
      new nn.Linear(12, 8),
    );
  const parts = [part(), part()];
  const head = new nn.Linear(8, 3);
  const model = nn.sequential(...parts, head);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const run = parts.map(layer =>
    lean ? checkpoint((x: Tensor) => layer.forward(x)) : (x: Tensor) => layer.forward(x),
  );
  const step = (x: Tensor, target: Tensor): Tensor => {
    const loss = nn.crossEntropy(head.forward(run.reduce((y, f) => f(y).add(y), x)), target);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const [x, target] = [ops.normal([9, 8]), ops.randint(0, 3, [9])];
  const fast = compile(step);
  const losses: number[] = [];
  for (let i = 0; i < 5; i++) {
    const loss = compiled ? await fast(x, target) : scope(() => step(x, target));
    losses.push(await loss.item());
  }
  const states = await Promise.all(model.namedStates().map(([, cell]) => numbers(cell)));
  return { losses, states, counter: randomCounter() };
}

test('gives the bits of the plain run: gradients, dropout, running statistics, the place in the random numbers', async () => {
  const plain = await train(false, false);
  expect(await train(true, false)).toEqual(plain);
  expect(await train(false, true)).toEqual(plain);
  expect(await train(true, true)).toEqual(plain);
});

test('compiled, it takes less memory', async () => {
  const layers = Array.from({ length: 6 }, () => new nn.Linear(256, 256));
  const optimizer = new optim.SGD(
    layers.flatMap(layer => layer.parameters()),
    { lr: 1e-6 },
  );
  const loss = (wrapped: boolean) => (x: Tensor) => {
    const stage = (from: number) => {
      const body = (y: Tensor): Tensor =>
        layers.slice(from, from + 3).reduce((z, layer) => ops.softplus(layer.forward(z)), y);
      return wrapped ? checkpoint(body) : body;
    };
    const value = stage(3)(stage(0)(x)).sum();
    value.backward();
    optimizer.step();
    return value;
  };
  const x = ops.ones([2048, 256]);
  const arena = async (wrapped: boolean): Promise<number> => {
    const step = compile(loss(wrapped));
    await (await step(x)).read();
    const bytes = step.explain().at(-1)?.arenaBytes ?? 0;
    step.dispose();
    return bytes;
  };
  expect(await arena(true)).toBeLessThan(0.8 * (await arena(false)));
});

test('arguments, several results, states inside', async () => {
  const w = state([2, 3], { requiresGrad: true, dtype: 'f64' });
  const both = checkpoint((x: Tensor, y: Tensor) => [ops.mul(x, w), ops.mul(x, y)] as const);
  const f = (x: Tensor, y: Tensor): Tensor => {
    const [a, b] = both(x, y);
    return ops.add(ops.square(a), b).sum();
  };
  const one = ops.ones([2], { dtype: 'f64' });
  const slopes = grad(f, { wrt: [0, 1] })(one, ops.mul(one, 5));
  expect(await Promise.all(slopes.map(numbers))).toEqual([
    [2 * 4 + 5, 2 * 9 + 5],
    [1, 1],
  ]);
  f(one, one).backward();
  expect(await numbers(w.grad as Tensor)).toEqual([4, 6]);
});

test('without gradients it is the function itself', async () => {
  let calls = 0;
  const f = checkpoint((x: Tensor) => {
    calls++;
    return x.mul(2);
  });
  const y = noGrad(() => f(ops.ones([2])));
  expect([await numbers(y), y.requiresGrad, calls]).toEqual([[2, 2], false, 1]);
});

test('is refused where it cannot be right', () => {
  const w = state([2], { requiresGrad: true });
  const cube = checkpoint((x: Tensor) => x.pow(3));
  expect(() => cube(ops.mul(w, 1)).sum().backward({ createGraph: true })).toThrow(
    /^checkpoint: second derivatives need/,
  );
  let calls = 0;
  const odd = checkpoint((x: Tensor) => (calls++ === 0 ? [x, x] : [x]));
  const [a] = odd(ops.mul(w, 1));
  expect(() => a?.sum().backward()).toThrow(
    /^checkpoint: the function gave 2 results, and 1 when it was computed again; it must do the same each time$/,
  );
  expect(() => checkpoint((async () => Promise.resolve(1)) as never)()).toThrow(
    /^checkpoint: the function returned a promise/,
  );
  expect(() => checkpoint(1 as never)).toThrow(/^checkpoint: the function must be a function, got 1$/);
  const throws = checkpoint((x: Tensor): Tensor => {
    if (calls++ > 2) throw new RangeError('mine');
    return x;
  });
  const y = throws(ops.mul(w, 1));
  expect(() => y.sum().backward()).toThrow('mine');
  expect(() => y.sum().backward()).not.toThrow(/freed/);
});
