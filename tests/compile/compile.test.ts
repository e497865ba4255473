// Compiled steps: what is recorded, when anew, and what is refused.
import { setTimeout } from 'node:timers/promises';
import { compile, nn, noGrad, scope, State, state, tensor } from 'hebb';
import type { Tensor } from 'hebb';
import { StateError, ValueError } from '../../ts/errors';
import * as ops from '../../ts/ops.gen';
import { flush, memory } from '../../ts/runtime';

const gradOf = (w: State): Tensor => w.grad as Tensor;
const numbers = async (x: Tensor): Promise<number[]> => [...((await x.read()) as Float32Array)];

test('results keep their nesting, constants among them', async () => {
  const step = compile((x: Tensor) => ({
    twice: x.mul(2),
    rest: [x.sum(), new Map([['neg', x.neg()]]), 'text', 7, undefined],
  }));
  for (const values of [
    [1, 2],
    [3, 4],
  ]) {
    const { twice, rest } = await step(tensor(values));
    expect(await numbers(twice)).toEqual(values.map(v => 2 * v));
    const [sum, map, ...others] = rest as [Tensor, Map<string, Tensor>, ...unknown[]];
    expect(await sum.item()).toBe((values[0] ?? 0) + (values[1] ?? 0));
    expect(await numbers(map.get('neg') as Tensor)).toEqual(values.map(v => -v));
    expect(others).toEqual(['text', 7, undefined]);
  }
  expect(step.recordings).toBe(1);
});

test('arguments may be nested, strided, or states', async () => {
  const step = compile((pair: { a: Tensor; list: Tensor[] }, w: Tensor) =>
    pair.list.reduce((sum, x) => sum.add(x), pair.a).mul(w),
  );
  const a = tensor([
    [1, 2],
    [3, 4],
  ]);
  const w = state([
    [1, 1],
    [2, 2],
  ]);
  const result = await step(
    { a: a.transpose(), list: [a, ops.broadcastTo(tensor([10, 20]), [2, 2])] },
    w as never,
  );
  expect(await numbers(result)).toEqual([12, 25, 30, 56]);
});

test('records once for each shape, dtype and number', async () => {
  let runs = 0;
  const step = compile((x: Tensor, factor: number) => {
    runs++;
    return x.mul(factor);
  });
  expect(await numbers(await step(tensor([1, 2]), 3))).toEqual([3, 6]);
  expect(await numbers(await step(tensor([2, 2]), 3))).toEqual([6, 6]);
  expect(runs).toBe(1);
  await step(tensor([1]), 3);
  await step(tensor([1, 2], { dtype: 'f64' }), 3);
  expect(await numbers(await step(tensor([1, 2]), 4))).toEqual([4, 8]);
  expect(runs).toBe(4);
  expect(await numbers(await step(tensor([5, 6]), 3))).toEqual([15, 18]);
  expect(runs).toBe(4);
  expect(step.recordings).toBe(4);
});

test('arguments that look alike are told apart', async () => {
  const scaled = compile((x: Tensor, scale: (y: Tensor) => Tensor) => scale(x));
  const by = (factor: number) => (y: Tensor) => y.mul(factor);
  for (const factor of [2, 3]) expect(await numbers(await scaled(tensor([1]), by(factor)))).toEqual([factor]);
  const texts = compile((...given: string[]) => given.length);
  expect([await texts('a', 'b'), await texts('a";"b'), await texts('a;string:b')]).toEqual([2, 1, 1]);
  const named = compile((record: Record<string, number>) => Object.keys(record).length);
  expect([await named({ a: 1, b: 2 }), await named({ 'a=number:1;b': 2 })]).toEqual([2, 1]);
  const inverse = compile((zero: number) => 1 / zero);
  expect([await inverse(0), await inverse(-0)]).toEqual([Infinity, -Infinity]);
  const keyed = compile((map: Map<object, number>, key: object) => map.get(key) ?? 0);
  const [one, two] = [new (class One {})(), new (class Two {})()];
  expect([await keyed(new Map([[one, 1]]), one), await keyed(new Map([[two, 1]]), one)]).toEqual([1, 0]);
});

test('the cache is bounded and says so once', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  const step = compile((x: Tensor) => x.mul(2), { cache: 2 });
  for (const size of [1, 2, 3, 4, 5]) await step(ops.ones([size]));
  expect(warn).toHaveBeenCalledTimes(1);
  expect(warn.mock.calls[0]?.[0]).toMatch(/^compile: more than 2 signatures; pad inputs/);
  await step(ops.ones([5]));
  expect(step.recordings).toBe(5);
  warn.mockRestore();
});

describe('is refused while recording', () => {
  test('reading a value', () => {
    const step = compile((x: Tensor) => tensor(x.mul(2).readSync()));
    expect(() => step(tensor([1]))).toThrow(
      /^readSync: the value of a step that is being recorded is not there yet; return it from the step$/,
    );
    const item = compile((x: Tensor) => {
      void x
        .sum()
        .item()
        .catch(() => undefined);
      return x;
    });
    expect(() => item(tensor([1]))).not.toThrow();
  });

  test('an async function', () => {
    const step = compile(async (x: Tensor) => Promise.resolve(x));
    expect(() => step(tensor([1]))).toThrow(
      new StateError('compile', 'the function returned a promise; use a synchronous function'),
    );
  });

  test('a state whose first value is computed by the step', () => {
    const step = compile((x: Tensor) => state(x.mul(2)).value());
    expect(() => step(tensor([1]))).toThrow(
      /^state: the initial value is computed by the step being recorded/,
    );
  });

  test('an argument that requires a gradient', () => {
    const w = state([1, 2], { requiresGrad: true });
    const step = compile((x: Tensor) => x.mul(2));
    expect(() => step(ops.mul(w, 2))).toThrow(/^compile: argument 0 requires a gradient/);
  });

  test('the error names the line of the user', () => {
    const step = compile((x: Tensor) => x.matmul(ops.zeros([3, 3])));
    let stack = '';
    try {
      void step(ops.ones([2, 2]));
    } catch (error) {
      stack = (error as Error).stack ?? '';
    }
    expect(stack).toMatch(/matmul: inner sizes differ/);
    expect(stack).toMatch(/compile\.test\.ts/);
  });
});

test('a throw while recording leaves everything as it was', async () => {
  const w = state([1, 2], { requiresGrad: true });
  let fails = true;
  const step = compile((x: Tensor) => {
    const loss = ops.mul(w, x).sum();
    loss.backward();
    w.assign(ops.zeros([2]));
    ops.uniform([4]);
    if (fails) throw new Error('mine');
    return loss;
  });
  expect(() => step(tensor([3, 4]))).toThrow('mine');
  expect([w.grad, w.version]).toEqual([undefined, 1]);
  expect(await w.read()).toEqual(Float32Array.of(1, 2));
  fails = false;
  expect(await (await step(tensor([3, 4]))).item()).toBe(11);
  expect(await w.grad?.read()).toEqual(Float32Array.of(3, 4));
  expect(await w.read()).toEqual(Float32Array.of(0, 0));
});

test('a value that is not returned dies with the recording', async () => {
  let kept: Tensor | undefined;
  const step = compile((x: Tensor) => (kept = x.mul(2)).add(1));
  await step(tensor([1]));
  expect(() => kept?.add(1)).toThrow(
    /^add: a is a value of a step that was recorded, and is gone; return it from the step or keep it in a state$/,
  );
});

test('a tensor made from data inside is a constant that lives on', async () => {
  let made: Tensor | undefined;
  const step = compile((x: Tensor) => x.mul((made ??= tensor([2, 3]))));
  expect(await numbers(await step(tensor([1, 1])))).toEqual([2, 3]);
  expect(await numbers(await step(tensor([10, 10])))).toEqual([20, 30]);
  expect(await made?.read()).toEqual(Float32Array.of(2, 3));
});

test('the third call that was not awaited throws', async () => {
  const step = compile((x: Tensor) => {
    let y = x;
    for (let i = 0; i < 20; i++) y = y.matmul(x);
    return y;
  });
  const x = ops.ones([400, 400]);
  step.prepare(x);
  const calls = [step(x), step(x)];
  expect(() => step(x)).toThrow(
    /^compile: 2 runs of the step are under way; await each call before the next$/,
  );
  await Promise.all(calls);
  await step(x);
  await flush();
});

test('calls count as awaited once anything was awaited behind them', async () => {
  const step = compile((x: Tensor) => x.add(1));
  const x = tensor([1]);
  for (let i = 0; i < 100; i++) {
    const results = [step(x), step(x)];
    expect(() => step(x)).toThrow(/^compile: 2 runs of the step are under way/);
    expect(await Promise.all((await Promise.all(results)).map(y => y.item()))).toEqual([2, 2]);
  }
});

test('calls that throw are no runs under way', async () => {
  const step = compile((x: Tensor) => x.matmul(tensor([[1], [2]])));
  for (let i = 0; i < 5; i++) expect(() => step(tensor([[1, 2, 3]]))).toThrow(/^matmul: /);
  expect(await (await step(tensor([[3, 4]]))).item()).toBe(11);
});

test('of short runs eight go ahead, of a step not run yet two', async () => {
  const x = tensor([1]);
  const aheadOf = async (step: (x: Tensor) => Promise<Tensor>): Promise<number> => {
    await flush();
    // Takes long enough that nothing behind it runs meanwhile.
    const before = ops
      .ones([2048, 2048])
      .matmul(ops.ones([2048, 2048]))
      .matmul(ops.ones([2048, 2048]));
    const late = Symbol();
    let count = 0;
    while ((await Promise.race([step(x), setTimeout(50, late)])) !== late) count++;
    await before.read();
    await flush();
    // The last one that was submitted waits for room.
    return count + 1;
  };
  const step = compile((y: Tensor) => y.add(1));
  expect(await aheadOf(step)).toBe(2);
  // How many depends on the time of the last run, which another process may have made a long one.
  let most = 2;
  for (let round = 0; round < 10 && most < 8; round++) {
    for (let i = 0; i < 50; i++) await step(x);
    most = await aheadOf(step);
  }
  expect(most).toBe(8);
});

test('a loop of short steps leaves the event loop its turns', async () => {
  const step = compile((x: Tensor) => x.add(1));
  const x = tensor([1]);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const end = performance.now() + 200;
  while (performance.now() < end) (await step(x)).dispose();
  clearInterval(timer);
  expect(turns).toBeGreaterThan(10);
});

test('many runs a batch after another', async () => {
  const total = state([0]);
  const step = compile((x: Tensor) => {
    total.assign(ops.add(total, x));
    return total.value();
  });
  const results = await step.many(Array.from({ length: 50 }, (_, i): [Tensor] => [tensor([i])]));
  expect(results).toHaveLength(50);
  expect(await total.read()).toEqual(Float32Array.of(1225));
  expect(await results[9]?.item()).toBe(45);
});

test('outputs keep their values while further steps run', async () => {
  const w = state([1, 1], { requiresGrad: true });
  const step = compile((x: Tensor) => {
    const before = w.value();
    w.assign(ops.add(w, x));
    return { before, after: w.value(), twice: x, again: x };
  });
  const results: { before: Tensor; after: Tensor; twice: Tensor; again: Tensor }[] = [];
  for (let i = 0; i < 5; i++) results.push(await step(tensor([i, 1])));
  const seen = await Promise.all(results.map(async r => [await numbers(r.before), await numbers(r.after)]));
  expect(seen).toEqual([
    [[1, 1], [1, 2]],
    [[1, 2], [2, 3]],
    [[2, 3], [4, 4]],
    [[4, 4], [7, 5]],
    [[7, 5], [11, 6]],
  ]); // prettier-ignore
  results[0]?.twice.dispose();
  expect(await numbers(results[0]?.again as Tensor)).toEqual([0, 1]);
});

test('a compiled function inside another is part of it', async () => {
  const inner = compile((x: Tensor) => x.mul(2));
  const outer = compile((x: Tensor) => {
    const inlined: unknown = inner(x);
    return (inlined as Tensor).add(inner.body(x));
  });
  expect(await numbers(await outer(tensor([1, 2])))).toEqual([4, 8]);
  expect([inner.recordings, outer.recordings]).toEqual([0, 1]);
});

test('several steps share the states and the memory', async () => {
  const w = state([0], { dtype: 'f64' });
  const add = compile((x: Tensor) => void w.assign(ops.add(w, x)));
  const double = compile(() => void w.assign(ops.mul(w, 2)));
  const one = tensor([1], { dtype: 'f64' });
  for (let i = 0; i < 5; i++) {
    await add(one);
    await double();
  }
  expect(await w.read()).toEqual(Float64Array.of(62));
});

test('second derivatives, and inference without gradients', async () => {
  const w = state([2], { requiresGrad: true, dtype: 'f64' });
  const step = compile((x: Tensor) => {
    const y = ops.mul(ops.pow(w, 3), x).sum();
    y.backward({ createGraph: true });
    const slope = gradOf(w);
    w.grad = undefined;
    slope.sum().backward();
    const second = gradOf(w);
    w.grad = undefined;
    return [y, slope, second];
  });
  for (const x of [1, 5]) {
    const values = await step(tensor([x], { dtype: 'f64' }));
    expect(await Promise.all(values.map(v => v.item()))).toEqual([8 * x, 12 * x, 12 * x]);
  }
  const infer = compile((x: Tensor) => noGrad(() => ops.mul(w, x)));
  expect(await (await infer(tensor([4], { dtype: 'f64' }))).item()).toBe(8);
});

test('dispose gives everything back', async () => {
  await flush();
  const cycle = async (): Promise<void> => {
    const w = state(ops.ones([1000]));
    const step = compile((x: Tensor) => scope(() => ops.mul(w, x).add(1).exp().sum()));
    const loss = await step(ops.ones([1000]));
    await loss.read();
    loss.dispose();
    step.dispose();
  };
  await cycle();
  const before = memory().liveBytes;
  for (let i = 0; i < 5; i++) await cycle();
  await flush();
  // The states themselves are left to the collector.
  expect(memory().liveBytes - before).toBeLessThanOrEqual(5 * (4096 + 256));
});

test('bad options and arguments', () => {
  expect(() => compile(3 as never)).toThrow(/^compile: the function must be a function, got 3$/);
  expect(() => compile(() => 1, { cache: 0 })).toThrow(
    new ValueError('compile', 'cache is 0; use an integer of 1 and more'),
  );
  expect(() => compile(() => 1, { fast: true } as never)).toThrow(
    /^compile: has no option fast; use optimise, cache, precision, tune, tuned$/,
  );
  expect(() => compile(() => 1).explain()).toThrow(/^explain: nothing is recorded yet/);
});

test('explain tells of every pass', async () => {
  const step = compile((x: Tensor) => x.mul(2).add(x.mul(2)).sum());
  await step(ops.ones([8]));
  const stages = step.explain();
  expect(stages[0]?.pass).toBe('recorded');
  expect(stages[0]?.text).toMatch(/mul <-t\d+ f32\[8\] : arg0 f32\[8\], 2 f32\[\]/);
  expect(stages.map(stage => stage.pass)).toContain('common');
  expect(stages.at(-1)?.commands).toBeLessThan(stages[0]?.commands ?? 0);
  for (const stage of stages) expect(stage.bytes).toBeGreaterThan(0);
});

test('a module that is no tensor stands for itself', async () => {
  const layers = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
  const step = compile((layer: nn.Linear, x: Tensor) => layer.forward(x));
  const x = ops.ones([1, 2]);
  for (const layer of [...layers, ...layers]) {
    const want = layer.forward(x);
    expect(await numbers(await step(layer, x))).toEqual(await numbers(want));
  }
  expect(step.recordings).toBe(2);
  expect(layers[0]?.weight).toBeInstanceOf(State);
});
