// Measures the steps of one workload in this process: `step-child.mjs JSON` prints one line of JSON. `task` is 'figures', of
// one `mode` alone, or 'pairs', eager and compiled in turn.
import { hebb } from '../workloads/hebb.mjs';
import { workload as find } from '../workloads/index.mjs';
import { takePairs } from './pairs.mjs';
import { faultsPerStep, pageFaults, peakRssMb } from './process-figures.mjs';
import { lossDifference, Runner } from './runner.mjs';

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
    peakRssMb: peakRssMb(),
    pageFaultsPerStep: faults.executor + faults.workers,
    pageFaults: faults,
    recordMs: runner.recordMs,
    firstStepMs: runner.firstStepMs,
    recordings: runner.compiled?.recordings ?? 0,
  };
}

async function pairs(workload, options) {
  const runners = { eager: new Runner(workload, 'eager'), compiled: new Runner(workload, 'compiled') };
  for (const runner of Object.values(runners)) await runner.warmUp(options.seconds);
  return {
    pairs: await takePairs(runners, options),
    lossDifference: lossDifference(runners.eager.losses, runners.compiled.losses),
  };
}

const options = JSON.parse(process.argv[2]);
hebb.setThreads(options.threads);
const tasks = { figures, pairs };
console.log(JSON.stringify(await tasks[options.task](await find(options.name), options)));
