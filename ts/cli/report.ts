// The report of a training run: figures and confusion table on the terminal, charts and weights in a folder.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArrayDataset } from '../data/dataset';
import { saveSafetensors } from '../io/safetensors';
import { ConfusionMatrix } from '../metrics/confusion';
import type { LeNet } from '../models/lenet';
import { argmax, crossEntropy } from '../ops.gen';
import { scope } from '../scope';
import { evaluate } from '../train/evaluate';
import type { History } from '../train/fit';
import { confusionChart, confusionTable, encodePng, imageGrid, lineChart } from '../viz';
import type { Series } from '../viz';

/** What is reported on. */
export interface ReportInput {
  readonly model: LeNet;
  readonly history: History;
  readonly stepsPerEpoch: number;
  readonly test: ArrayDataset;
  readonly folder: string;
}

async function confusion(model: LeNet, test: ArrayDataset, classes: number): Promise<ConfusionMatrix> {
  const matrix = new ConfusionMatrix(classes);
  await evaluate(model, test, {
    loss: crossEntropy,
    onBatch: async (output, target) => {
      const predicted = scope(() => argmax(output, { axis: -1 }));
      try {
        const [guesses, truths] = await Promise.all([predicted.read(), target.read()]);
        matrix.add(guesses, truths);
      } finally {
        predicted.dispose();
      }
    },
  });
  return matrix;
}

// Means over equal windows, so that thousands of noisy steps make a readable curve; x in epochs.
function smoothed(losses: readonly number[], stepsPerEpoch: number): { x: number[]; y: number[] } {
  const windows = Math.min(200, losses.length);
  const edges = Array.from({ length: windows + 1 }, (_, i) => Math.floor((i * losses.length) / windows));
  const parts = edges.slice(1).map((end, i) => losses.slice(edges[i], end));
  return {
    x: parts.map((part, i) => ((edges[i] ?? 0) + part.length / 2) / stepsPerEpoch),
    y: parts.map(part => part.reduce((sum, loss) => sum + loss, 0) / part.length),
  };
}

function epochSeries({ epochs }: History, label: string, figure: string): Series[] {
  if (epochs.length === 0) return [];
  const x = epochs.map(({ epoch }) => epoch + 1);
  return [{ name: label, x, y: epochs.map(({ figures }) => figures[figure] ?? NaN) }];
}

function curves({ history, stepsPerEpoch }: ReportInput): [string, string][] {
  const loss = [
    { name: 'training', ...smoothed(history.losses, stepsPerEpoch) },
    ...epochSeries(history, 'test', 'valLoss'),
  ];
  const accuracy = [
    ...epochSeries(history, 'training', 'accuracy'),
    ...epochSeries(history, 'test', 'valAccuracy'),
  ];
  const charts: [string, string][] = [['loss.svg', lineChart(loss, { title: 'Loss', xLabel: 'epoch' })]];
  // A run that ended within its first epoch has no point to draw.
  if (accuracy.length > 0)
    charts.push(['accuracy.svg', lineChart(accuracy, { title: 'Accuracy', xLabel: 'epoch' })]);
  return charts;
}

// The filters of the first layer as one picture.
async function filters(model: LeNet): Promise<Uint8Array> {
  const [weight] = model.parameters();
  if (weight === undefined) return new Uint8Array();
  const data = (await weight.read()) as Float32Array;
  return await encodePng(imageGrid({ data, shape: weight.shape }, { scale: 12, gap: 8 }));
}

const historyJson = ({ epochs, losses }: History): string => `${JSON.stringify({ epochs, losses })}\n`;

/** Writes the report; resolves with the test accuracy. */
export async function report(input: ReportInput): Promise<number> {
  const { model, history, test, folder } = input;
  const classes = test.classes ?? Array.from({ length: 10 }, (_, i) => String(i));
  // The weights first: the rest can be made again from them.
  await saveSafetensors(join(folder, 'weights.safetensors'), model.stateDict());
  const matrix = await confusion(model, test, classes.length);
  const files: [string, string | Uint8Array][] = [
    ['history.json', historyJson(history)],
    ...curves(input),
    ['confusion.svg', confusionChart(matrix.counts, classes)],
    ['filters.png', await filters(model)],
  ];
  for (const [name, content] of files) await writeFile(join(folder, name), content);
  const written = ['weights.safetensors', ...files.map(([name]) => name)];
  const images = test.size.toLocaleString('en-US');
  console.log(`\n${confusionTable(matrix.counts, classes)}\n`);
  console.log(`test accuracy    ${(matrix.accuracy * 100).toFixed(2)} % of ${images} images`);
  console.log(`training time    ${history.seconds.toFixed(1)} s for ${history.steps} steps`);
  console.log(`speed            ${Math.round(history.samplesPerSecond)} images a second`);
  console.log(`written          ${written.map(name => join(folder, name)).join(', ')}`);
  return matrix.accuracy;
}
