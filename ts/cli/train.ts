// hebb train: data, a convnet, training, and the report.
import { access, constants, mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ArrayDataset } from '../data/dataset';
import { digits } from '../data/digits';
import { FASHION_MNIST_FOLDER, fashionMnist } from '../data/fashion';
import { DataError } from '../errors';
import { LeNet } from '../models/lenet';
import { crossEntropy } from '../ops.gen';
import { AdamW, cosineDecay } from '../optim';
import { seed as seedRandom } from '../random';
import { isa, setThreads, threads } from '../runtime';
import { fit } from '../train/fit';
import type { History } from '../train/fit';
import { Progress } from '../train/progress';
import { summary } from '../viz/summary';
import type { TrainArguments } from './options';
import { report } from './report';

const LR = 2e-3;

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
  if (data !== undefined || (await exists(FASHION_MNIST_FOLDER))) {
    const folder = data ?? FASHION_MNIST_FOLDER;
    const sets = await fashionMnist(folder);
    const [count, held] = [sets.train.size, sets.test.size].map(size => size.toLocaleString('en-US'));
    console.log(`data: Fashion-MNIST, ${count} + ${held} images, from ${folder}`);
    return { name: 'fashion-mnist', ...sets };
  }
  console.log(
    'data: Fashion-MNIST is not here (apt-get install dataset-fashion-mnist, or --data DIR), so this trains',
  );
  console.log('      on the built-in generated digits: 12,000 + 2,000 images drawn by code');
  return {
    name: 'digits',
    train: digits({ seed, count: 12_000 }),
    test: digits({ seed: seed + 1, count: 2_000 }),
  };
}

// Before minutes of training, not after them.
async function checkWritable({ out, json }: TrainArguments): Promise<void> {
  const folders = [out, ...(json === undefined ? [] : [dirname(json)])];
  for (const path of folders) {
    try {
      await mkdir(path, { recursive: true });
      await access(path, constants.W_OK);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
      throw new DataError('train', `${path}: cannot be written to (${code}); give another folder`, {
        path,
        cause,
      });
    }
  }
  if (json !== undefined && (await stat(json).catch(() => undefined))?.isDirectory()) {
    throw new DataError('train', `${json}: is a folder; give a file to --json`, { path: json });
  }
}

async function writeJson(
  args: TrainArguments,
  dataset: string,
  run: History,
  testAccuracy: number,
): Promise<void> {
  if (args.json === undefined) return;
  const { seconds, samplesPerSecond, epochs } = run;
  const content = {
    dataset,
    epochs: epochs.length,
    testAccuracy,
    seconds,
    samplesPerSecond,
    seed: args.seed,
  };
  await writeFile(args.json, `${JSON.stringify(content, null, 2)}\n`);
}

const stepsPerEpoch = ({ batch }: TrainArguments, { train }: Data): number => Math.ceil(train.size / batch);

async function run(args: TrainArguments, model: LeNet, data: Data, signal: AbortSignal): Promise<History> {
  const steps = args.epochs * stepsPerEpoch(args, data);
  return await fit(model, {
    train: data.train,
    validation: data.test,
    batch: args.batch,
    epochs: args.epochs,
    seed: args.seed,
    loss: crossEntropy,
    optimizer: new AdamW(model.parameters(), { lr: LR, weightDecay: 0.02 }),
    schedule: cosineDecay({ lr: LR, steps, warmup: Math.floor(steps / 12), final: LR / 100 }),
    metrics: ['accuracy'],
    signal,
    progress: new Progress({ epochs: args.epochs, samples: data.train.size, stream: process.stdout }),
  });
}

/** Trains and reports. Where the signal ends it early, what was learnt until then is saved and reported. */
export async function train(args: TrainArguments, signal: AbortSignal): Promise<void> {
  if (args.threads !== undefined) setThreads(args.threads);
  await checkWritable(args);
  const data = await loadData(args);
  seedRandom(args.seed);
  const model = new LeNet({ channels: [16, 32], hidden: [128], dropout: 0.1 });
  console.log(`\n${summary(model, { input: [28, 28, 1] })}\n`);
  console.log(
    `training on the cpu: ${threads()} threads, ${isa()}; ${args.epochs} epochs in batches of ${args.batch}`,
  );
  const history = await run(args, model, data, signal);
  if (history.steps === 0) {
    console.log('stopped by a signal before the first step; nothing was written');
    return;
  }
  if (history.aborted)
    console.log('stopped by a signal: the step under way is finished, the rest is saved now');
  const accuracy = await report({
    model,
    history,
    stepsPerEpoch: stepsPerEpoch(args, data),
    test: data.test,
    folder: args.out,
  });
  await writeJson(args, data.name, history, accuracy);
}
