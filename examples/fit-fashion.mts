// Fashion-MNIST with fit(): validation, a learning-rate schedule, Ctrl-C, weights and charts in a folder.
//   npm run build && node examples/fit-fashion.mts [folder of the IDX files, or "digits"] [images] [epochs]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { data, evaluate, fit, io, models, nn, optim, Progress, seed, viz } from 'hebb';

const source = process.argv[2];
const epochs = Number(process.argv[4] ?? 5);
const out = process.argv[5] ?? 'out/fashion';

async function load() {
  if (source !== 'digits') return data.fashionMnist(source);
  return { train: data.digits({ seed: 1, count: 4000 }), test: data.digits({ seed: 2, count: 500 }) };
}
const { train: all, test } = await load();
const [train, validation] = all.take(Number(process.argv[3] ?? all.size)).split(0.9, { seed: 1 });

seed(1);
const model = new models.LeNet({ channels: [16, 32], hidden: [128], dropout: 0.25 });
const optimizer = new optim.AdamW(model.parameters(), { weightDecay: 0.01 });
const batch = 64;
const steps = epochs * Math.ceil(train.size / batch);

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const run = await fit(model, {
  train,
  validation,
  batch,
  epochs,
  loss: nn.crossEntropy,
  optimizer,
  schedule: optim.cosineDecay({ lr: 2e-3, steps, warmup: Math.floor(steps / 20) }),
  metrics: ['accuracy'],
  seed: 1,
  signal: stop.signal,
  progress: new Progress({ epochs, samples: train.size }),
});

await mkdir(out, { recursive: true });
await io.saveSafetensors(join(out, 'weights.safetensors'), model.stateDict());
await writeFile(join(out, 'loss.svg'), viz.lineChart([{ name: 'loss', y: run.losses }], { xLabel: 'step' }));
const { accuracy } = await evaluate(model, test, { loss: nn.crossEntropy, metrics: ['accuracy'] });
console.log(`test accuracy ${accuracy?.toFixed(4)} after ${run.steps} steps; see ${out}`);
