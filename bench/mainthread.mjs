// How long the JavaScript thread works for one compiled step of the MLP, the promise and the wake from the executor
// included: `mainthread [--json FILE] [--steps N] [--runs N] [--threads N]`. Waiting does not count.
import { parseArgs } from 'node:util';
import { saveJson } from './training/run.mjs';
import { mainThreadNs } from './training/process-figures.mjs';
import { median, rounded } from './training/statistics.mjs';

const WARM_UP = 1000;

export async function main(options) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: options,
    options: {
      json: text,
      steps: { ...text, default: '2000' },
      runs: { ...text, default: '5' },
      threads: text,
    },
  });
  const [steps, runs] = [values.steps, values.runs].map(Number);
  if (!(steps >= 1 && runs >= 1)) throw new Error('--steps and --runs must be 1 and more');
  const { hebb } = await import('./workloads/hebb.mjs');
  const { workload } = await import('./workloads/mlp.mjs');
  if (values.threads !== undefined) hebb.setThreads(Number(values.threads));
  const { inputs, step: body } = workload.build(0);
  const step = hebb.compile(body);
  const run = async count => {
    for (let i = 0; i < count; i++) await step(...inputs);
    await hebb.flush();
  };
  await run(WARM_UP);
  const samples = [];
  for (let i = 0; i < runs; i++) {
    const before = mainThreadNs();
    await run(steps);
    samples.push(rounded((mainThreadNs() - before) / steps / 1000));
  }
  const mainThreadUsPerStep = median(samples);
  console.log(
    `the JavaScript thread works ${mainThreadUsPerStep.toFixed(2)} us for a compiled step of the MLP ` +
      `(${runs} runs of ${steps}: ${samples.map(us => us.toFixed(2)).join(', ')})`,
  );
  saveJson(values.json, { mainThreadUsPerStep, samples, steps, threads: hebb.threads() });
  return 0;
}
