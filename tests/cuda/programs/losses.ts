// A softmax regression and an MLP, eager and compiled, on the device of HEBB_DEVICE: prints the losses of 50 steps each.
import { compile, device, memory, nn, optim, scope, seed, tensor } from '../../../ts';
import type { Tensor } from '../../../ts';

const samples = 64;
const inputs = 20;
const classes = 5;
const steps = 50;

/** Points around one centre for each class. */
function blobs(): { x: Float32Array; target: Int32Array } {
  const x = new Float32Array(samples * inputs);
  const target = new Int32Array(samples);
  for (let i = 0; i < samples; i++) {
    target[i] = i % classes;
    for (let j = 0; j < inputs; j++)
      x[i * inputs + j] = Math.sin(i * 12.9898 + j * 78.233) + (j % classes === i % classes ? 1 : 0);
  }
  return { x, target };
}

interface Trained {
  readonly forward: (x: Tensor) => Tensor;
  readonly optimizer: { step(): void };
}

function softmaxRegression(): Trained {
  const layer = new nn.Linear(inputs, classes);
  return {
    forward: x => layer.forward(x),
    optimizer: new optim.SGD(layer.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 }),
  };
}

function mlp(): Trained {
  const model = nn.sequential(
    new nn.Linear(inputs, 33),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(33, 17),
    new nn.GELU(),
    new nn.Linear(17, classes),
  );
  return {
    forward: x => model.forward(x),
    optimizer: new optim.AdamW(model.parameters(), { lr: 0.01 }),
  };
}

// Commands of compiled steps that are several element-wise ones.
let fused = 0;

async function losses(make: () => Trained, compiled: boolean): Promise<number[]> {
  seed(3);
  const { forward, optimizer } = make();
  const { x: values, target: ids } = blobs();
  const x = tensor(values, { shape: [samples, inputs] });
  const target = tensor(ids);
  const step = (a: Tensor, b: Tensor): Tensor => {
    const loss = nn.crossEntropy(forward(a), b);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const whole = compiled ? compile(step) : undefined;
  const run = whole ?? (async (a: Tensor, b: Tensor): Promise<Tensor> => scope(() => step(a, b)));
  const found: number[] = [];
  for (let i = 0; i < steps; i++) {
    using loss = await run(x, target);
    found.push(await loss.item());
  }
  fused += whole?.explain().at(-1)?.text.match(/fused/g)?.length ?? 0;
  return found;
}

async function main(): Promise<void> {
  const found = {
    device: device(),
    softmax: await losses(softmaxRegression, false),
    softmaxCompiled: await losses(softmaxRegression, true),
    mlp: await losses(mlp, false),
    mlpCompiled: await losses(mlp, true),
    cudaBytes: memory().cuda?.peakBytes ?? 0,
    fused,
  };
  process.stdout.write(JSON.stringify(found));
}

void main();
