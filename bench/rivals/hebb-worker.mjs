// Runs the compiled steps of one workload or operation: `hebb-worker.mjs JSON`, then commands as worker.mjs sends them.
import { createInterface } from 'node:readline';
import { faultsPerStep, pageFaults, peakRssMb } from '../training/process-figures.mjs';
import { Runner } from '../training/runner.mjs';
import { hebb } from '../workloads/hebb.mjs';
import { readStart } from './exchange.mjs';
import { find } from './find.mjs';

// A single fault counts little, also in steps that take longer than a window.
const FAULT_STEPS = 10;

const { name, file, threads, precision, check = false } = JSON.parse(process.argv[2]);
hebb.setThreads(threads);
const built = await readStart(await find(name), file, check);
const runner = new Runner({ build: () => built }, 'compiled', { precision });

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
let replied = cpuMs();

async function window({ seconds }) {
  const idleCpuMs = cpuMs() - replied;
  const result = await runner.window(seconds);
  const now = cpuMs();
  const taken = now - replied;
  replied = now;
  return { ...result, cpuMs: taken, idleCpuMs };
}

async function figures({ seconds }) {
  const before = pageFaults();
  const { steps } = await runner.window(seconds, FAULT_STEPS);
  const faults = faultsPerStep(before, steps);
  return {
    peakRssMb: peakRssMb(),
    pageFaultsPerStep: faults.executor + faults.workers,
    firstStepMs: runner.firstStepMs,
  };
}

async function losses({ steps }) {
  const values = [];
  for (let i = 0; i < steps; i++) values.push(await runner.run(1));
  return { losses: values };
}

// In the precision of JavaScript's numbers: what is compared is not how a library sums.
async function absoluteSum(tensor) {
  let sum = 0;
  for (const value of await tensor.read()) sum += Math.abs(value);
  return sum;
}

/** Of an operation: the sums of absolute values of what its first steps give, by name. */
async function sums() {
  const { outcomeSteps: steps = 1 } = built;
  const step = hebb.compile(built.step);
  const before = built.begun?.();
  let results = [];
  for (let i = 0; i < steps; i++) results = await step(...built.inputs);
  const outcome = built.outcome(results, before);
  const found = await Promise.all(outcome.map(async ([key, tensor]) => [key, await absoluteSum(tensor)]));
  return { sums: Object.fromEntries(found) };
}

async function warmUp({ seconds }) {
  await runner.warmUp(seconds);
  replied = cpuMs();
  return { firstStepMs: runner.firstStepMs, versions: {} };
}

const actions = { warmUp, window, figures, losses, sums };
for await (const line of createInterface({ input: process.stdin })) {
  const { do: action, ...options } = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await actions[action](options))}\n`);
}
