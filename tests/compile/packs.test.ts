// Weights that are packed ahead of their products: the bits of eager steps, and never those of an older weight.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compile, io, nn, noGrad, optim, state } from 'hebb';
import type { Step, Tensor } from 'hebb';
import * as ops from '../../ts/ops.gen';
import { seed } from '../../ts/random';
import { flush, memory } from '../../ts/runtime';
import { scope } from '../../ts/scope';
import { numbers, trained } from './trained';

const programOf = (step: { explain(): readonly { text: string }[] }): string =>
  step.explain().at(-1)?.text ?? '';
const packs = (step: { explain(): readonly { text: string }[] }): number =>
  programOf(step).match(/ pack_panels /g)?.length ?? 0;

class Decoder extends nn.Module {
  cell = new nn.GRUCell(40, 72);
  head = new nn.Linear(72, 96);

  forward(x: Tensor): Tensor {
    let h = ops.zeros([24, 72]);
    const logits = [];
    for (let t = 0; t < 4; t++) {
      h = this.cell.forward(x, h);
      logits.push(this.head.forward(h));
    }
    return ops.stack(logits, { axis: 1 });
  }
}

async function train(compiled: boolean): Promise<{ all: number[][]; text: string }> {
  seed(3);
  const model = new Decoder();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const x = ops.normal([24, 40]);
  const target = ops.randint(0, 96, [24, 4]);
  const { losses, weights, step } = await trained(compiled, model, optimizer, [x, target], 5);
  return { all: [losses, ...weights], text: compiled ? programOf(step) : '' };
}

test('a loop packs each weight once a step, to the same bits', async () => {
  const eager = await train(false);
  const { all, text } = await train(true);
  expect(all).toEqual(eager.all);
  const lines = text.split('\n');
  const lists = lines.filter(line => line.includes(' pack_panels '));
  expect(lists.length).toBeGreaterThanOrEqual(4);
  // Each panel's weight is a state, and no two lines pack the same.
  const sources = lists.map(line => line.replace(/^.* : /, ''));
  expect(new Set(sources).size).toBe(sources.length);
  const readers = lines.filter(line => line.includes('in panels'));
  expect(readers.length).toBeGreaterThanOrEqual(4 * 4);
});

interface Served {
  model: nn.Sequential;
  infer: Step<[Tensor], Tensor>;
  x: Tensor;
  check(): Promise<void>;
}

// A model that is trained elsewhere, and a compiled step that only reads it.
function served(batch = 32): Served {
  const model = nn.sequential(new nn.Linear(64, 128), new nn.ReLU(), new nn.Linear(128, 64));
  const infer = compile((x: Tensor) => noGrad(() => model.forward(x)));
  const x = ops.normal([batch, 64]);
  const check = async (): Promise<void> => {
    const [got, want] = [await infer(x), noGrad(() => model.forward(x))];
    expect(await numbers(got)).toEqual(await numbers(want));
  };
  return { model, infer, x, check };
}

describe('an inference step sees the weights of now', () => {
  const trainer = (model: nn.Sequential): ((x: Tensor) => Tensor) => {
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    return x => {
      const loss = model.forward(x).sub(1).square().mean();
      loss.backward();
      optimizer.step();
      return loss;
    };
  };

  test('after an eager step', async () => {
    const { model, infer, x, check } = served();
    const update = trainer(model);
    for (let i = 0; i < 3; i++) {
      await check();
      scope(() => void update(x));
    }
    await check();
    expect(packs(infer)).toBe(2);
    expect(infer.recordings).toBe(1);
  });

  test('after a compiled step', async () => {
    const { model, x, check } = served();
    const update = compile(trainer(model));
    for (let i = 0; i < 3; i++) {
      await check();
      await update(x);
    }
    await check();
  });

  test('after a checkpoint was loaded', async () => {
    const { model, check } = served();
    const file = path.join(tmpdir(), `hebb-packs-${String(process.pid)}.safetensors`);
    try {
      await io.saveSafetensors(file, served().model.stateDict());
      await check();
      model.loadStateDict(Object.fromEntries(await io.loadSafetensors(file)));
      await check();
    } finally {
      rmSync(file, { force: true });
    }
  });
});

test('frozen layers of a training step stay packed', async () => {
  const losses: number[][] = [];
  for (const compiled of [false, true]) {
    seed(5);
    const body = nn.sequential(new nn.Linear(64, 96), new nn.Tanh(), new nn.Linear(96, 80), new nn.Tanh());
    const head = new nn.Linear(80, 64);
    for (const parameter of body.parameters()) parameter.requiresGrad = false;
    const optimizer = new optim.SGD(head.parameters(), { lr: 0.5 });
    const x = ops.normal([32, 64]);
    const step = (input: Tensor): Tensor => {
      const loss = head.forward(body.forward(input)).sub(input).square().mean();
      loss.backward();
      optimizer.step();
      return loss;
    };
    const form = compile(step);
    const list: number[] = [];
    for (let i = 0; i < 4; i++) list.push(await (compiled ? await form(x) : scope(() => step(x))).item());
    losses.push(list);
    if (compiled) expect(programOf(form).match(/ pack_panels <-pack\d/g)).toHaveLength(2);
  }
  expect(losses[1]).toEqual(losses[0]);
});

test('small batches read their weights where they are', async () => {
  for (const batch of [1, 8]) {
    const { infer, check } = served(batch);
    await check();
    expect(packs(infer)).toBe(0);
  }
});

test('dispose gives packs back', async () => {
  const { infer, x, check } = served();
  await check();
  await flush();
  const disposed = (): number => {
    infer.dispose();
    return memory().liveBytes;
  };
  // The results of check() are left to the collector: only what dispose() frees counts.
  const before = memory().liveBytes;
  const arena = memory().arenaBytes;
  const freed = before - disposed() - arena + memory().arenaBytes;
  expect(freed).toBeGreaterThanOrEqual(2 * 64 * 128 * 4);
  await infer(x);
  expect(infer.recordings).toBeGreaterThan(0);
});

test('a state that is no weight of a module is packed as well', async () => {
  const w = state(ops.normal([80, 64]));
  const x = ops.normal([32, 80]);
  const step = compile((input: Tensor) => ops.matmul(input, w).sum());
  const eager = (): Promise<number> => ops.matmul(x, w).sum().item();
  expect(await (await step(x)).item()).toBe(await eager());
  w.assign(ops.normal([80, 64]));
  expect(await (await step(x)).item()).toBe(await eager());
});
