// hebb train: data, a convnet, training, and the report.
import { access, writeFile } from 'node:fs/promises';
import type { ArrayDataset } from '../data/dataset';
import { digits } from '../data/digits';
import { FASHION_MNIST_FOLDER, fashionMnist } from '../data/fashion';
import { LeNet } from '../models/lenet';
import { AdamW } from '../optim';
import { crossEntropy } from '../ops.gen';
import { seed as seedRandom } from '../random';
import { isa, setThreads, threads } from '../runtime';
import { fit } from '../train/fit';
import type { History } from '../train/fit';
import { Progress } from '../train/progress';

import type { TrainArguments } from './options';
import { summary } from '../viz/summary';
import { report } from './report';

interface Data {
  readonly name: string;
  readonly train: ArrayDataset;
  readonly test: ArrayDataset;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function loadData({ data, seed }: TrainArguments): Promise<Data> {
  if (data !== undefined) {
    console.log(`data: the IDX files in ${data}`);
    return { name: data, ...(await fashionMnist(data)) };
  }
  if (await exists(FASHION_MNIST_FOLDER)) {
    console.log(`data: Fashion-MNIST, 60,000 + 10,000 images, from ${FASHION_MNIST_FOLDER}`);
    return { name: 'fashion-mnist', ...(await fashionMnist()) };
  }
  console.log('data: Fashion-MNIST is not here (apt-get install dataset-fashion-mnist, or --data DIR), so this trains');
  console.log('      on the built-in generated digits: 12,000 + 2,000 images drawn by code');
  const train = digits({ seed, count: 12_000 });
  return { name: 'digits', train, test: digits({ seed: seed + 1, count: 2_000 }) };
}

async function writeJson(file: string, name: string, args: TrainArguments, run: History, accuracy: number): Promise<void> {
  const { seconds, samplesPerSecond, epochs } = run;
  const content = { dataset: name, epochs: epochs.length, testAccuracy: accuracy, seconds, samplesPerSecond, seed: args.seed };
  await writeFile(file, `${JSON.stringify({ ...content, losses: run.losses }, null, 2)}\n`);
}

/** Trains and reports; resolves with the exit code: 130 where the signal ended it early, after saving. */
export async function train(args: TrainArguments, signal: AbortSignal): Promise<number> {
  if (args.threads !== undefined) setThreads(args.threads);
  const data = await loadData(args);
  seedRandom(args.seed);
  const model = new LeNet({ channels: [16, 32], hidden: [128], dropout: 0.25 });
  const optimizer = new AdamW(model.parameters(), { lr: 2e-3, weightDecay: 0.01 });
  console.log(`\n${summary(model, { input: [28, 28, 1] })}\n`);
  console.log(`training on the cpu: ${threads()} threads, ${isa()}; ${args.epochs} epochs in batches of ${args.batch}`);
  const progress = new Progress({ epochs: args.epochs, samples: data.train.size, stream: process.stdout });
  const run = await fit(model, {
    train: data.train,
    batch: args.batch,
    epochs: args.epochs,
    seed: args.seed,
    loss: crossEntropy,
    optimizer,
    metrics: ['accuracy'],
    signal,
    progress,
  });
  const accuracy = await report({ model, history: run, test: data.test, folder: args.out });
  if (args.json !== undefined) await writeJson(args.json, data.name, args, run, accuracy);
  if (run.aborted) console.log('stopped by a signal: the step under way was finished and everything above is saved');
  return run.aborted ? 130 : 0;
}
