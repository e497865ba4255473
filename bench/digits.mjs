// Images of digits drawn in a second: `digits [--count N] [--runs N] [--json FILE]`.
import { parseArgs } from 'node:util';
import { saveJson } from './training/run.mjs';
import { median, rounded } from './training/statistics.mjs';

const FLOOR = 5000;

export async function main(options) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: options,
    options: { json: text, count: { ...text, default: '5000' }, runs: { ...text, default: '5' } },
  });
  const [count, runs] = [values.count, values.runs].map(Number);
  if (!(count >= 1 && runs >= 1)) throw new Error('--count and --runs must be 1 and more');
  const { data } = await import('hebb');
  data.digits({ seed: 1, count: 1000 });
  const samples = [];
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    data.digits({ seed: 2 + i, count });
    samples.push(rounded((count / (performance.now() - start)) * 1000));
  }
  const imagesPerSecond = median(samples);
  console.log(
    `${imagesPerSecond.toFixed(0)} images per second (${runs} runs of ${count}; wanted: ${FLOOR} and more)`,
  );
  saveJson(values.json, { imagesPerSecond, samples, count });
  return imagesPerSecond >= FLOOR ? 0 : 1;
}
