// The report of a training run: figures and confusion table on the terminal, charts and weights in a folder.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArrayDataset } from '../data/dataset';
import { saveSafetensors } from '../io/safetensors';
import type { LeNet } from '../models/lenet';
import { argmax, crossEntropy } from '../ops.gen';
import { scope } from '../scope';
import { evaluate } from '../train/evaluate';
import type { EpochReport, History } from '../train/fit';
import { confusionChart, confusionTable, encodePng, imageGrid, lineChart } from '../viz';

/** What is reported on. */
export interface ReportInput {
  readonly model: LeNet;
  readonly history: History;
  readonly test: ArrayDataset;
  readonly folder: string;
}

async function confusion(model: LeNet, test: ArrayDataset, classes: number): Promise<{ counts: number[][]; accuracy: number }> {
  const counts = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  const figures = await evaluate(model, test, {
    loss: crossEntropy,
    metrics: ['accuracy'],
    onBatch: async (output, target) => {
      const predicted = scope(() => argmax(output, { axis: -1 }));
      const [guesses, truths] = await Promise.all([predicted.read(), target.read()]);
      predicted.dispose();
      truths.forEach((truth: number | bigint, i: number) => {
        const row = counts[Number(truth)];
        const guess = guesses[i];
        if (row !== undefined && guess !== undefined) row[guess] = (row[guess] ?? 0) + 1;
      });
    },
  });
  return { counts, accuracy: figures['accuracy'] ?? 0 };
}

// Means over a window, so that thousands of noisy steps make a readable curve.
function smoothed(losses: readonly number[], points: number): { x: number[]; y: number[] } {
  const window = Math.max(1, Math.ceil(losses.length / points));
  const x: number[] = [];
  const y: number[] = [];
  for (let start = 0; start < losses.length; start += window) {
    const part = losses.slice(start, start + window);
    x.push(start + part.length / 2);
    y.push(part.reduce((sum, loss) => sum + loss, 0) / part.length);
  }
  return { x, y };
}

const epochSeries = (epochs: readonly EpochReport[], name: string): { x: number[]; y: number[] } => ({
  x: epochs.map(({ epoch }) => epoch + 1),
  y: epochs.map(({ figures }) => figures[name] ?? NaN),
});

async function writeCharts(input: ReportInput, counts: number[][], classes: readonly string[]): Promise<string[]> {
  const { model, history, folder } = input;
  const weight = model.namedParameters().find(([name]) => name === 'features.0.weight')?.[1];
  const files: [string, string | Uint8Array][] = [
    ['loss.svg', lineChart([{ name: 'training loss', ...smoothed(history.losses, 200) }], { title: 'Loss', xLabel: 'step' })],
    [
      'accuracy.svg',
      lineChart([{ name: 'training accuracy', ...epochSeries(history.epochs, 'accuracy') }], {
        title: 'Accuracy',
        xLabel: 'epoch',
      }),
    ],
    ['confusion.svg', confusionChart(counts, classes)],
  ];
  if (weight !== undefined) {
    const data = (await weight.read()) as Float32Array;
    files.push(['filters.png', await encodePng(imageGrid({ data, shape: weight.shape }, { scale: 12 }))]);
  }
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  return files.map(([name]) => name);
}

/** Writes the report; resolves with the test accuracy. */
export async function report(input: ReportInput): Promise<number> {
  const { model, history, test, folder } = input;
  const classes = test.classes ?? Array.from({ length: 10 }, (_, i) => String(i));
  await mkdir(folder, { recursive: true });
  await saveSafetensors(join(folder, 'weights.safetensors'), model.stateDict());
  const { counts, accuracy } = await confusion(model, test, classes.length);
  const files = await writeCharts(input, counts, classes);
  console.log(`\n${confusionTable(counts, classes)}\n`);
  console.log(`test accuracy    ${(accuracy * 100).toFixed(2)} %  (${test.size} images)`);
  console.log(`training time    ${history.seconds.toFixed(1)} s for ${history.steps} steps`);
  console.log(`speed            ${Math.round(history.samplesPerSecond)} images a second`);
  console.log(`written          ${['weights.safetensors', ...files].map((name) => join(folder, name)).join(', ')}`);
  return accuracy;
}
