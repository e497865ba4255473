// Runs compiled steps, or cycles of compiling, in this process: `soak-child.mjs JSON` prints one line of JSON.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { hebb } from '../workloads/hebb.mjs';
import { workload } from '../workloads/mlp.mjs';
import { faultsPerStep, pageFaults } from './process-figures.mjs';
import { rounded } from './statistics.mjs';

const { kind, count, threads } = JSON.parse(process.argv[2]);
if (threads !== undefined) hebb.setThreads(threads);
const CYCLE_STEPS = 2;
const { inputs, step: body } = workload.build(0);
const compiled = hebb.compile(body);

// The losses are dropped, as in a loop that does not look at them.
async function runSteps(times) {
  for (let i = 0; i < times; i++) await compiled(...inputs);
}

async function runCycles(times) {
  for (let i = 0; i < times; i++) {
    const step = hebb.compile(body);
    for (let k = 0; k < CYCLE_STEPS; k++) await step(...inputs);
    step.dispose();
  }
}

/** What is alive once everything has run and what nobody holds is collected. */
async function settled() {
  await hebb.flush();
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await setImmediate();
  }
  await hebb.flush();
  return { rss: process.memoryUsage.rss(), live: hebb.memory().liveBytes };
}

const work = kind === 'cycles' ? runCycles : runSteps;
const first = Math.ceil(count / 10);
await work(first);
const start = await settled();
const faults = pageFaults();
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
await work(count - first);
await hebb.flush();
delay.disable();
const steps = (count - first) * (kind === 'cycles' ? CYCLE_STEPS : 1);
const perStep = faultsPerStep(faults, steps);
const end = await settled();
console.log(
  JSON.stringify({
    [kind]: count,
    rssStartMb: rounded(start.rss / 1e6),
    rssEndMb: rounded(end.rss / 1e6),
    liveBytesStart: start.live,
    liveBytesEnd: end.live,
    eventLoopP99Ms: rounded(delay.percentile(99) / 1e6),
    pageFaultsPerStep: rounded(perStep.executor + perStep.workers),
    processPageFaultsPerStep: rounded(perStep.process),
  }),
);
