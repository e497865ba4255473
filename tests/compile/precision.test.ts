// The precision of products. Without a tile unit all are f32; run under HEBB_ISA=amx-emulated by isa.slow.test.ts, this
// file sees the others.
import { compile, fit, isa, nn, optim, seed, state, ValueError } from 'hebb';
import type { Precision, Tensor } from 'hebb';
import * as ops from '../../ts/ops.gen';
import { withPrecision } from '../../ts/precision';
import { scope } from '../../ts/scope';
import { points, Small } from '../train/problem';
import { numbers } from './trained';

const hasTiles = isa().startsWith('amx');
const precisions: readonly Precision[] = ['f32', 'high', 'bf16'];

/** The largest difference, in units of the largest value. */
function apart(a: readonly number[], b: readonly number[]): number {
  const scale = Math.max(...a.map(Math.abs));
  return Math.max(...a.map((value, i) => Math.abs(value - (b[i] ?? NaN)))) / scale;
}

/** A function at a precision, compiled or eager. */
const runner = <A extends Tensor[]>(
  run: (...args: A) => Tensor,
  precision: Precision,
  compiled: boolean,
): ((...args: A) => Promise<Tensor>) =>
  compiled
    ? compile(run, { precision })
    : (...args) => Promise.resolve(withPrecision(precision, () => scope(() => run(...args))));

const body = (x: Tensor, y: Tensor): Tensor => ops.matmul(x, y);

async function product(precision: Precision): Promise<number[]> {
  seed(5);
  const [x, y] = [ops.normal([96, 160]), ops.normal([160, 80])];
  const made = await compile(body, { precision })(x, y);
  const eager = withPrecision(precision, () => body(x, y));
  const values = await numbers(made);
  expect(await numbers(eager)).toEqual(values);
  return values;
}

test('a product loses what its precision allows, and no more', async () => {
  const [full, high, bf16] = [await product('f32'), await product('high'), await product('bf16')];
  if (!hasTiles) {
    expect(high).toEqual(full);
    expect(bf16).toEqual(full);
    return;
  }
  const [lostHigh, lostBf16] = [apart(full, high), apart(full, bf16)];
  expect(lostHigh).toBeGreaterThan(1e-7);
  expect(lostHigh).toBeLessThan(2e-5);
  expect(lostBf16).toBeGreaterThan(1e-4);
  expect(lostBf16).toBeLessThan(1e-2);
});

/** Losses, weights and the program of a few steps, with biases, activations, dropout and packed weights. */
async function trained(precision: Precision, compiled: boolean): Promise<[number[][], string]> {
  seed(3);
  const model = nn.sequential(
    new nn.Linear(120, 96),
    new nn.GELU(),
    new nn.Dropout(0.2),
    new nn.Linear(96, 96),
    new nn.ReLU(),
    new nn.Linear(96, 64),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const [x, target] = [ops.normal([80, 120]), ops.randint(0, 64, [80])];
  const run = (input: Tensor, ids: Tensor): Tensor => {
    const loss = nn.crossEntropy(model.forward(input), ids);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const step = compile(run, { precision });
  const losses: number[] = [];
  for (let i = 0; i < 4; i++) {
    const loss = compiled
      ? await step(x, target)
      : withPrecision(precision, () => scope(() => run(x, target)));
    losses.push(await loss.item());
  }
  const weights = await Promise.all(model.parameters().map(numbers));
  return [[losses, ...weights], compiled ? (step.explain().at(-1)?.text ?? '') : ''];
}

test('a step of any precision has the bits of the eager one', async () => {
  const results = new Map<Precision, string>();
  for (const precision of precisions) {
    const [values, text] = await trained(precision, true);
    const [eager] = await trained(precision, false);
    expect(values).toEqual(eager);
    expect(text.includes(' then ')).toBe(true);
    results.set(precision, JSON.stringify(values));
  }
  expect(new Set(results.values()).size).toBe(hasTiles ? 3 : 1);
});

/** What is trained: its loss of one input, and what the optimizer updates. */
interface Subject {
  readonly parameters: Parameters<typeof numbers>[0][];
  readonly optimizer: optim.SGD;
  readonly input: Tensor;
  readonly loss: (input: Tensor) => Tensor;
}

/** By precision: losses and parameters of a few steps, the same whether compiled or eager. */
async function trainedAt(steps: number, build: () => Subject): Promise<Map<Precision, string>> {
  const results = new Map<Precision, string>();
  for (const precision of precisions) {
    const runs = [];
    for (const compiled of [true, false]) {
      const { parameters, optimizer, input, loss } = build();
      const run = (x: Tensor): Tensor => {
        const value = loss(x);
        value.backward();
        optimizer.step();
        return value;
      };
      const step = runner(run, precision, compiled);
      const losses = [];
      for (let i = 0; i < steps; i++) {
        const value = await step(input);
        losses.push(await value.item());
      }
      runs.push([losses, ...(await Promise.all(parameters.map(numbers)))]);
    }
    expect(runs[0]).toEqual(runs[1]);
    results.set(precision, JSON.stringify(runs[0]));
  }
  return results;
}

test('convolutions too, with residuals and strides', async () => {
  const results = await trainedAt(2, () => {
    seed(6);
    const first = new nn.Conv2d(16, 32, 3, { padding: 1 });
    const second = new nn.Conv2d(32, 32, 3, { padding: 1 });
    const third = new nn.Conv2d(32, 48, 3, { padding: 1, stride: 2 });
    const parameters = [first, second, third].flatMap(layer => layer.parameters());
    const loss = (x: Tensor): Tensor => {
      const y = ops.relu(first.forward(x));
      return ops.mean(ops.square(third.forward(y.add(ops.relu(second.forward(y))))));
    };
    const optimizer = new optim.SGD(parameters, { lr: 0.01 });
    return { parameters, optimizer, input: ops.normal([4, 8, 8, 16]), loss };
  });
  expect(new Set(results.values()).size).toBe(hasTiles ? 3 : 1);
});

test('recurrences too, where bf16 is asked for', async () => {
  const results = await trainedAt(3, () => {
    seed(8);
    const layer = new nn.LSTM(24, 40);
    const parameters = layer.parameters();
    const optimizer = new optim.SGD(parameters, { lr: 0.1 });
    const loss = (x: Tensor): Tensor => ops.mean(ops.square(layer.forward(x).output));
    return { parameters, optimizer, input: ops.normal([18, 5, 24]), loss };
  });
  expect(results.get('bf16') === results.get('f32')).toBe(!hasTiles);
});

test('attention too, causal and of heads inside time', async () => {
  const results = await trainedAt(3, () => {
    seed(9);
    const heads = [32, 32, 48].map(width => state(ops.normal([2, 40, 2, width]), { requiresGrad: true }));
    const loss = (target: Tensor): Tensor => {
      const [q, k, v] = heads.map(head => ops.swapAxes(head, 1, 2)) as [Tensor, Tensor, Tensor];
      const y = ops.scaledDotProductAttention(q, k, v, undefined, { causal: true });
      return ops.mean(ops.square(y.sub(target)));
    };
    const optimizer = new optim.SGD(heads, { lr: 0.1 });
    return { parameters: heads, optimizer, input: ops.normal([2, 2, 40, 48]), loss };
  });
  expect(new Set(results.values()).size).toBe(hasTiles ? 3 : 1);
});

test('what serves keeps its weights in tiles', async () => {
  seed(4);
  const model = nn.sequential(new nn.Linear(128, 128), new nn.Linear(128, 128));
  model.eval();
  const x = ops.normal([64, 128]);
  const infer = compile((input: Tensor) => model.forward(input), { precision: 'bf16' });
  const first = await numbers(await infer(x));
  expect(await numbers(await infer(x))).toEqual(first);
  const text = infer.explain().at(-1)?.text ?? '';
  expect(text.match(/pack_(panels|tiles) /g)).toEqual(
    Array(2).fill(hasTiles ? 'pack_tiles ' : 'pack_panels '),
  );
});

test('fit trains at each precision, compiled and eager', async () => {
  const data = points(256);
  for (const precision of precisions) {
    const losses = [];
    for (const compiled of [true, false]) {
      const model = new Small();
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.02 });
      const history = await fit(model, {
        train: data,
        batch: 64,
        epochs: 6,
        loss: nn.crossEntropy,
        optimizer,
        precision,
        compile: compiled,
      });
      losses.push(history.losses);
    }
    expect(losses[1]).toEqual(losses[0]);
    expect(losses[0]?.at(-1)).toBeLessThan(0.8 * (losses[0]?.[0] ?? 0));
  }
});

test('the precision around a step is what it was before', async () => {
  expect(() =>
    withPrecision('bf16', () => {
      throw new Error('inside');
    }),
  ).toThrow('inside');
  const x = ops.normal([96, 160]);
  const y = ops.normal([160, 80]);
  const exact = await numbers(withPrecision('f32', () => body(x, y)));
  expect(await numbers(body(x, y))).toEqual(exact);
});

test('other precisions are refused', () => {
  const precision = 'fp16' as Precision;
  expect(() => compile(body, { precision })).toThrow(
    new ValueError('compile', "precision is 'fp16'; use 'f32', 'high' or 'bf16'"),
  );
  const model = new Small();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  return expect(
    fit(model, { train: points(8), loss: nn.crossEntropy, optimizer, precision }),
  ).rejects.toThrow("fit: precision is 'fp16'; use 'f32', 'high' or 'bf16'");
});
