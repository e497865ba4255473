// Compiled steps against eager ones, bit for bit: losses and parameters of whole trainings, with commands fused.
import {
  cast,
  compile,
  exp,
  gelu,
  models,
  mul,
  nn,
  normal,
  optim,
  relu,
  seed,
  sigmoid,
  square,
  tanh,
  tensor,
} from 'hebb';
import type { PassReport, Tensor } from 'hebb';

interface Training {
  readonly model: nn.Module;
  /** A step on batch number `index`. */
  readonly body: (x: Tensor, target: Tensor) => Tensor;
  readonly batch: (index: number) => [Tensor, Tensor];
}

const numbers = (count: number, index: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => ((i * 7919 + index * 104_729) % 1009) / 504 - 1);

const classes = (count: number, index: number): Tensor =>
  tensor(Int32Array.from({ length: count }, (_, i) => (i * 3 + index) % 10));

function learn(model: nn.Module, loss: (x: Tensor, target: Tensor) => Tensor): Training['body'] {
  const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
  return (x, target) => {
    const value = loss(x, target);
    value.backward();
    optimizer.step();
    return value;
  };
}

class Residual extends nn.Module {
  readonly first = new nn.Linear(20, 33);
  readonly second = new nn.Linear(33, 33);
  readonly dropout = new nn.Dropout(0.2);
  readonly head = new nn.Linear(33, 10);

  forward(x: Tensor): Tensor {
    const hidden = tanh(this.first.forward(x));
    const refined = hidden.add(gelu(this.second.forward(hidden)).mul(0.5));
    return this.head.forward(this.dropout.forward(refined));
  }
}

function mlp(): Training {
  const model = new Residual();
  return {
    model,
    body: learn(model, (x, target) => nn.crossEntropy(model.forward(x), target)),
    batch: index => [tensor(numbers(12 * 20, index), { shape: [12, 20] }), classes(12, index)],
  };
}

function lenet(): Training {
  const model = new models.LeNet({ channels: [4, 6], hidden: [20], dropout: 0.1 });
  return {
    model,
    body: learn(model, (x, target) => nn.crossEntropy(model.forward(x), target)),
    batch: index => [tensor(numbers(4 * 784, index), { shape: [4, 28, 28, 1] }), classes(4, index)],
  };
}

class Autoencoder extends nn.Module {
  readonly encoder = new nn.Linear(30, 24);
  readonly mean = new nn.Linear(24, 5);
  readonly logVariance = new nn.Linear(24, 5);
  readonly decoder = nn.sequential(new nn.Linear(5, 24), new nn.ReLU(), new nn.Linear(24, 30));

  loss(x: Tensor): Tensor {
    const hidden = relu(this.encoder.forward(x));
    const [mean, logVariance] = [this.mean.forward(hidden), this.logVariance.forward(hidden)];
    const z = mean.add(mul(exp(logVariance.mul(0.5)), normal(mean.shape)));
    const error = square(sigmoid(this.decoder.forward(z)).sub(x)).sum();
    const divergence = logVariance.add(1).sub(square(mean)).sub(exp(logVariance)).sum().mul(-0.5);
    return error.add(divergence).div(x.shape[0] ?? 1);
  }
}

function autoencoder(): Training {
  const model = new Autoencoder();
  return {
    model,
    body: learn(model, x => model.loss(x)),
    batch: index => [tensor(numbers(8 * 30, index), { shape: [8, 30] }), classes(8, index)],
  };
}

async function train(make: () => Training, compiled: boolean): Promise<[unknown[], readonly PassReport[]]> {
  seed(5);
  const { model, body, batch } = make();
  const step = compile(body);
  const result: unknown[] = [];
  for (let index = 0; index < 6; index++) {
    const loss = compiled ? await step(...batch(index)) : body(...batch(index));
    result.push(await loss.item());
  }
  for (const parameter of model.parameters()) {
    result.push(await parameter.read());
    const { grad } = parameter;
    result.push(grad === undefined ? null : await grad.read());
  }
  return [result, compiled ? step.explain() : []];
}

test.each([
  ['an MLP', mlp],
  ['LeNet', lenet],
  ['an autoencoder', autoencoder],
])('%s trains to the same bits', async (_name, make) => {
  const [eager] = await train(make, false);
  const [compiled, reports] = await train(make, true);
  expect(compiled).toEqual(eager);
  const [recorded, fused] = [reports[0], reports.at(-1)];
  expect(fused?.text).toMatch(/ then <-/);
  expect(fused?.bytes).toBeLessThan(recorded?.bytes ?? 0);
});

test('a chain of half and bool values in between has the bits of the eager one', async () => {
  const body = (x: Tensor): Tensor => {
    const half = cast(x, 'bf16').mul(1.7).exp();
    return cast(half.add(cast(x.greater(0.25), 'bf16')), 'f32').mul(x);
  };
  const x = tensor(numbers(3000, 1), { shape: [60, 50] });
  const step = compile(body);
  expect(await (await step(x)).read()).toEqual(await body(x).read());
  expect(step.explain().at(-1)?.commands).toBe(1);
});
