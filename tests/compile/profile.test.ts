// profile(): the commands of a step with their times, as a table and as a trace.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, nn, optim, profile, state, tensor } from 'hebb';
import type { Tensor, Trace } from 'hebb';
import { DataError, StateError, ValueError } from '../../ts/errors';
import * as ops from '../../ts/ops.gen';
import { Profile } from '../../ts/profile';
import { flush, memory } from '../../ts/runtime';
import { collectGarbage } from '../tensor/garbage';

const times = (...entries: readonly [name: string, begin: number, end: number, flops?: number][]) =>
  entries.map(([name, begin, end, flops = 0]) => ({ name, begin, end, flops, bytes: 1000 }));

function training() {
  const model = nn.sequential(new nn.Linear(40, 60), new nn.Tanh(), new nn.Linear(60, 10));
  const optimizer = new optim.AdamW(model.parameters());
  const step = compile((x: Tensor, target: Tensor) => {
    const loss = nn.crossEntropy(model.forward(x), target);
    loss.backward();
    optimizer.step();
    return { loss };
  });
  return { model, step, args: [ops.uniform([32, 40]), ops.randint(0, 10, [32])] as [Tensor, Tensor] };
}

describe('a training step', () => {
  test('has a time for each of its commands, in order', async () => {
    const { step, args } = training();
    const { commands, ms } = await profile(step, args, { runs: 3 });
    const last = step.explain().at(-1);
    expect(commands).toHaveLength(last?.commands ?? 0);
    const names = [...(last?.text ?? '').matchAll(/^ *\d+ (\w+) /gm)].map(match => match[1]);
    expect(commands.map(({ name }) => name)).toEqual(names);
    const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
    expect(sum(commands.map(command => command.flops))).toBe(last?.flops);
    expect(sum(commands.map(command => command.bytes))).toBe(last?.bytes);
    expect(sum(commands.map(command => command.ms))).toBe(ms);
    expect(sum(commands.map(command => command.share))).toBeCloseTo(1, 12);
    const product = commands.find(command => command.flops >= 2 * 32 * 40 * 60);
    expect(product?.gflops).toBeCloseTo((product?.flops ?? 0) / (product?.ms ?? 1) / 1e6, 9);
    expect(product?.gbs).toBeGreaterThan(0);
    expect(step.recordings).toBe(1);
  });

  test('is really run: once, and once for each timed run', async () => {
    const count = state([0]);
    const step = compile((x: Tensor) => count.assign(ops.add(count, x)));
    await profile(step, [tensor([1])], { runs: 4 });
    expect(await count.read()).toEqual(Float32Array.of(5));
    await profile(step, [tensor([1])]);
    expect(await count.read()).toEqual(Float32Array.of(11));
  });

  test('leaves none of its results', async () => {
    const { step, args } = training();
    await profile(step, args, { runs: 1 });
    await collectGarbage();
    const { liveTensors } = memory();
    await profile(step, args, { runs: 8 });
    expect(memory().liveTensors).toBe(liveTensors);
  });

  test('counts the runs of the recording that was used last', async () => {
    const w = state([1, 1], { requiresGrad: true });
    const step = compile((x: Tensor) => void ops.mul(w, x).sum().backward());
    const { commands } = await profile(step, [tensor([1, 2])], { runs: 2 });
    expect(step.recordings).toBe(2);
    expect(commands).toHaveLength(step.explain().at(-1)?.commands ?? 0);
    expect(await w.grad?.read()).toEqual(Float32Array.of(3, 6));
  });
});

describe('of given times', () => {
  const given = new Profile([
    times(['gemm', 0, 1000, 2e9], ['exp', 1000, 1500], ['gemm', 1600, 2600, 2e9]),
    times(['gemm', 0, 3000, 2e9], ['exp', 3000, 3500], ['gemm', 3500, 6500, 2e9]),
    times(['gemm', 0, 2000, 2e9], ['exp', 2000, 2100], ['gemm', 2100, 4100, 2e9]),
  ]);

  test('commands are medians', () => {
    expect(given.commands.map(({ name, ms, gflops }) => [name, ms, gflops])).toEqual([
      ['gemm', 2, 1000],
      ['exp', 0.5, 0],
      ['gemm', 2, 1000],
    ]);
    expect(given.ms).toBe(4.5);
    const even = new Profile([times(['exp', 0, 1000]), times(['exp', 0, 4000])]);
    expect(even.ms).toBe(2.5);
  });

  test('the table has a row for each name, the slowest first, and a total', () => {
    expect(given.table().split('\n')).toEqual([
      'command  count     ms      %  GFLOP/s  GB/s',
      '───────  ─────  ─────  ─────  ───────  ────',
      'gemm         2  4.000   88.9   1000.0   0.0',
      'exp          1  0.500   11.1      0.0   0.0',
      'total        3  4.500  100.0    888.9   0.0',
    ]);
  });

  test('the trace is the run in the middle', () => {
    expect(given.trace()).toEqual({
      traceEvents: [
        { name: 'gemm', ph: 'X', ts: 0, dur: 2000, pid: 1, tid: 1, args: { flops: 2e9, bytes: 1000 } },
        { name: 'exp', ph: 'X', ts: 2000, dur: 100, pid: 1, tid: 1, args: { flops: 0, bytes: 1000 } },
        { name: 'gemm', ph: 'X', ts: 2100, dur: 2000, pid: 1, tid: 1, args: { flops: 2e9, bytes: 1000 } },
      ],
      displayTimeUnit: 'ms',
    });
  });

  test('a step of no commands', async () => {
    const nothing = await profile(
      compile(() => 7),
      [],
    );
    expect([nothing.commands, nothing.ms, nothing.trace().traceEvents]).toEqual([[], 0, []]);
    expect(nothing.table()).toMatch(/^total +0 +0\.000 +0\.0 +0\.0 +0\.0$/m);
  });
});

describe('the trace file', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'hebb-profile-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  test('is JSON with the events in order, and nothing is left beside it', async () => {
    const { step, args } = training();
    const profiled = await profile(step, args, { runs: 2 });
    const path = join(folder, 'trace.json');
    for (let i = 0; i < 2; i++) await profiled.write(path);
    const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as Trace;
    expect(traceEvents.map(({ name }) => name)).toEqual(profiled.commands.map(({ name }) => name));
    traceEvents.forEach(({ ph, ts, dur }, i) => {
      const next = traceEvents[i + 1]?.ts ?? Infinity;
      expect([ph, ts >= 0, dur >= 0, ts + dur <= next + 1e-6]).toEqual(['X', true, true, true]);
    });
    expect(traceEvents.at(-1)?.ts).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual(['trace.json']);
  });

  test('cannot be a folder, nor lie in one that is not there', async () => {
    const empty = new Profile([]);
    await expect(empty.write(folder)).rejects.toThrow(
      new DataError('profile', `${folder}: is there and no regular file; give another path`),
    );
    const lost = join(folder, 'no', 'trace.json');
    await expect(empty.write(lost)).rejects.toMatchObject({
      message: `profile: ${lost}: no such file or folder; check the path`,
      path: lost,
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('is refused', () => {
  const step = compile((x: Tensor) => x.mul(2));
  const x = tensor([1]);

  test.each([
    ['what is no step', () => profile((() => 1) as never, []), /^profile: step is \[Function.*\]; give what compile\(\) returned$/],
    ['a number for a step', () => profile(3 as never, []), /^profile: step is 3; give what compile\(\) returned$/],
    ['arguments that are no array', () => profile(step, x as never), /^profile: args is .*; give the step's arguments as an array$/],
    ['no run', () => profile(step, [x], { runs: 0 }), /^profile: runs is 0; use an integer of 1 and more$/],
    ['half a run', () => profile(step, [x], { runs: 1.5 }), /^profile: runs is 1\.5; use an integer of 1 and more$/],
    ['an option that is not there', () => profile(step, [x], { steps: 1 } as never), /^profile: has no option steps; use runs$/],
  ])('%s', async (_, run, message) => {
    const error: unknown = await run().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ValueError);
    expect((error as Error).message).toMatch(message);
  }); // prettier-ignore

  test('inside of a compiled function', async () => {
    let inner: Promise<unknown> = Promise.resolve();
    const outer = compile((y: Tensor) => {
      inner = profile(step, [x]).catch((caught: unknown) => caught);
      return y.add(1);
    });
    await outer(x);
    expect(await inner).toEqual(
      new StateError('profile', 'a step is being recorded; profile outside of compiled functions'),
    );
  });
});

test('a failure while running rejects', async () => {
  const step = compile((x: Tensor, target: Tensor) => nn.crossEntropy(x, target));
  const args: [Tensor, Tensor] = [ops.ones([2, 4]), tensor([0, 9], { dtype: 'i32' })];
  await expect(profile(step, args)).rejects.toThrow(/^crossEntropy: target 9 at row 1 is out of range/);
  await flush();
});
