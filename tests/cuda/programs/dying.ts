// A device that fails for good while something is trained on it: prints what was said, by error, and what the CPU still
// computes.
import { compile, DeviceError, fit, flush, nn, setDevice, tensor } from '../../../ts';
import type { Tensor } from '../../../ts';
import { adam, points, Small } from '../../train/problem';

const said = new Set<string>();

/** Keeps the name of what `work` fails with; anything but an error of hebb ends the program. */
async function attempt(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    said.add(
      `${error.name}${error instanceof DeviceError && !error.message.includes('restart') ? `: ${error.message}` : ''}`,
    );
  }
}

async function steps(compiled: boolean): Promise<void> {
  const model = new Small();
  const optimizer = adam(model);
  const body = (x: Tensor, target: Tensor): Tensor => {
    const loss = nn.crossEntropy(model.forward(x), target);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const step = compiled ? compile(body) : body;
  for (let i = 0; i < 12; ++i) {
    await attempt(async () => {
      using x = tensor(
        Float32Array.from({ length: 64 }, (_, k) => Math.sin(k)),
        { shape: [32, 2] },
      );
      using target = tensor(Int32Array.from({ length: 32 }, (_, k) => k % 3));
      using loss = await step(x, target);
      if (i % 3 === 0) await loss.item();
    });
  }
}

async function fitted(): Promise<void> {
  const model = new Small();
  await fit(model, {
    train: points(96),
    epochs: 3,
    batch: 32,
    loss: nn.crossEntropy,
    optimizer: adam(model),
    metrics: ['accuracy'],
  });
}

async function main(): Promise<void> {
  setDevice('cuda');
  await attempt(() => (process.argv[2] === 'fit' ? fitted() : steps(process.argv[2] === 'compiled')));
  await attempt(flush);
  await attempt(() => tensor([1, 2]).mul(2).read());
  await attempt(() => tensor([1, 2]).mul(2).readSync());
  const sum = await tensor([1, 2], { device: 'cpu' }).mul(2).sum().item();
  process.stdout.write(JSON.stringify({ said: [...said].sort(), sum }));
}

void main();
