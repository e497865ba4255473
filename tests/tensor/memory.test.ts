// Memory figures: equal before and after whatever a program does.
import { valueAndGrad } from '../../ts/autograd';
import { compile } from '../../ts/compile';
import type { Step } from '../../ts/compile';
import { memory, reached } from '../../ts/runtime';
import { scope } from '../../ts/scope';
import { state } from '../../ts/state';
import { tensor } from '../../ts/tensor';
import type { Tensor } from '../../ts/tensor';
import * as ops from '../../ts/ops.gen';
import { collectGarbage } from './garbage';

interface Figures {
  readonly liveBytes: number;
  readonly liveBlocks: number;
  readonly liveTensors: number;
}

const figures = (): Figures => {
  const { liveBytes, liveBlocks, liveTensors } = memory();
  return { liveBytes, liveBlocks, liveTensors };
};

beforeEach(collectGarbage);

test('a tensor takes its bytes and gives them back', () => {
  const before = figures();
  const x = tensor(new Float32Array(1000));
  expect(memory().liveBytes - before.liveBytes).toBe(4000);
  expect(memory().liveTensors - before.liveTensors).toBe(1);
  x.dispose();
  expect(figures()).toEqual(before);
});

test('views share memory, constants take none', () => {
  const x = tensor(new Float32Array(600), { shape: [20, 30] });
  const before = memory().liveBytes;
  const views = [
    ops.transpose(x),
    ops.reshape(x, [600]),
    ops.slice(x, [1, 1], [3, 3]),
    ops.zeros([1000, 1000]),
  ];
  expect(memory().liveBytes).toBe(before);
  x.dispose();
  expect(memory().liveBytes).toBe(before);
  views.forEach(view => view.dispose());
  expect(memory().liveBytes).toBe(before - 2400);
});

test.each(['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'] as const)(
  'making and reading %s leaves nothing',
  async dtype => {
    const before = figures();
    const x = tensor([0, 1, 1], { dtype });
    await x.read();
    x.readSync();
    await x.toArray();
    x.dispose();
    expect(figures()).toEqual(before);
  },
);

test('a training step leaves nothing but its states', () => {
  const w = state(new Float32Array(200), { shape: [10, 20], requiresGrad: true });
  const step = (): void =>
    scope(() => {
      const x = tensor(new Float32Array(300), { shape: [30, 10] });
      const loss = ops.matmul(x, w).tanh().square().mean();
      loss.backward();
      w.assign(w.value().sub(w.grad?.mul(0.1) ?? 0));
      w.grad = undefined;
    });
  step();
  const before = figures();
  for (let i = 0; i < 20; i++) step();
  expect(figures()).toEqual(before);
});

test('a graph that is never walked dies with its tensors', () => {
  const w = state([1, 2, 3], { requiresGrad: true });
  const before = figures();
  scope(() => {
    w.value().exp().log().mul(w).sum();
  });
  scope(() => {
    w.value().exp().sum().backward();
    w.grad = undefined;
  });
  expect(figures().liveBytes).toBe(before.liveBytes);
});

test('first and second derivatives leave nothing', () => {
  const f = valueAndGrad((x: ReturnType<typeof tensor>) => x.tanh().mul(x).sum());
  const before = figures();
  for (let i = 0; i < 3; i++) {
    scope(() => {
      const [value, slope] = f(tensor([1, 2, 3]));
      const g = valueAndGrad((x: ReturnType<typeof tensor>) => f(x)[1].square().sum());
      g(tensor([1, 2]))[1].readSync();
      return [value, slope];
    }).forEach(x => x.dispose());
  }
  expect(figures()).toEqual(before);
});

test('a call that throws leaves nothing', () => {
  const before = figures();
  scope(() => {
    expect(() => ops.matmul(tensor([[1, 2]]), tensor([[1, 2]]))).toThrow(/^matmul: /);
    expect(() => ops.concat([tensor([1]), tensor([[1]])])).toThrow(/^concat: /);
  });
  expect(figures()).toEqual(before);
});

test('freed memory is used again', async () => {
  const step = (): void =>
    scope(() => {
      ops.ones([1000, 1000]).add(1).mul(2);
    });
  step();
  await reached();
  const { reservedBytes } = memory();
  for (let i = 0; i < 50; i++) step();
  await reached();
  expect(memory().reservedBytes).toBe(reservedBytes);
});

test('the peak is at least what was live at once', () => {
  const x = tensor(new Float32Array(100_000));
  const { peakBytes, liveBytes } = memory();
  expect(peakBytes).toBeGreaterThanOrEqual(liveBytes);
  x.dispose();
});

test('compiled steps share one arena, as large as the largest needs', async () => {
  const chain = (): Step<[Tensor], Tensor> => compile((x: Tensor) => x.matmul(x).matmul(x).sum());
  const [small, large] = [chain(), chain()];
  const run = async (step: Step<[Tensor], Tensor>, size: number): Promise<void> => {
    const x = ops.ones([size, size]);
    await (await step(x)).read();
    x.dispose();
  };
  await run(small, 100);
  expect(memory().arenaBytes).toBeGreaterThanOrEqual(2 * 4 * 100 * 100);
  await run(large, 1000);
  const both = memory().arenaBytes;
  expect(both).toBe(large.explain().at(-1)?.arenaBytes);
  expect(both).toBeGreaterThanOrEqual(2 * 4 * 1000 * 1000);
  await run(small, 100);
  expect(memory().arenaBytes).toBe(both);
  large.dispose();
  expect(memory().arenaBytes).toBeLessThan(both);
  await run(small, 100);
  // Steps of other tests may still be there; none is that large.
  expect(memory().arenaBytes).toBeLessThan(both);
  small.dispose();
});
