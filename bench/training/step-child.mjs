// Measures the steps of one workload in this process: `step-child.mjs JSON` prints one line of JSON. `task` is 'figures', of
// one `mode` alone, or 'pairs', eager and compiled in turn.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { hebb } from '../workloads/hebb.mjs';
import { workload as find } from '../workloads/index.mjs';
import { Canary } from './canary.mjs';
import { faultsPerStep, foreignShare, pageFaults, processorMs } from './process-figures.mjs';
import { lossDifference, Runner } from './runner.mjs';

const MOST_FOREIGN = 0.01;
const REST_MS = 100;
// A single fault counts little, also in steps that take longer than a window.
const FAULT_STEPS = 10;

/** Memory, page faults and the time until the first step is done. */
async function figures(workload, { mode, seconds }) {
  const runner = new Runner(workload, mode);
  await runner.warmUp(seconds);
  const before = pageFaults();
  const { steps } = await runner.window(seconds, FAULT_STEPS);
  const faults = faultsPerStep(before, steps);
  return {
    steps,
    peakMb: hebb.memory().peakBytes / 1e6,
    peakRssMb: (process.resourceUsage().maxRSS * 1024) / 1e6,
    pageFaultsPerStep: faults.executor + faults.workers,
    pageFaults: faults,
    recordMs: runner.recordMs,
    firstStepMs: runner.firstStepMs,
    recordings: runner.compiled?.recordings ?? 0,
  };
}

/** One window each, in this order, with what tells whether the machine was quiet. */
async function pair(runners, order, seconds, canary) {
  const began = performance.now();
  const before = processorMs();
  const songs = [canary.sing()];
  const result = {};
  for (const mode of order) {
    result[mode] = (await runners[mode].window(seconds)).ms;
    // Let the threads of the pool fall asleep.
    await sleep(2);
    songs.push(canary.sing());
  }
  const foreign = foreignShare(before, performance.now() - began, availableParallelism());
  return { ...result, foreign, songs };
}

/** Windows in the order A B B A until `pairs` were quiet, or twice as many were tried. */
async function pairs(workload, { seconds, pairs: wanted }) {
  const runners = { eager: new Runner(workload, 'eager'), compiled: new Runner(workload, 'compiled') };
  for (const runner of Object.values(runners)) await runner.warmUp(seconds);
  const canary = new Canary();
  const modes = Object.keys(runners);
  const taken = [];
  const quiet = ({ foreign, songs }) => foreign <= MOST_FOREIGN && songs.every(song => canary.isWell(song));
  while (taken.filter(quiet).length < wanted && taken.length < 2 * wanted) {
    const order = taken.length % 2 === 0 ? modes : [...modes].reverse();
    taken.push(await pair(runners, order, seconds, canary));
    if (!quiet(taken.at(-1))) await sleep(REST_MS);
  }
  return {
    pairs: taken.map(each => ({ eager: each.eager, compiled: each.compiled, quiet: quiet(each) })),
    lossDifference: lossDifference(runners.eager.losses, runners.compiled.losses),
  };
}

const options = JSON.parse(process.argv[2]);
hebb.setThreads(options.threads);
const tasks = { figures, pairs };
console.log(JSON.stringify(await tasks[options.task](await find(options.name), options)));
