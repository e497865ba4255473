// `train --rivals NAMES --check`: whether the workloads are the same in each library. Both sides start from the same file
// and use the same batch; noise is fixed and nothing is dropped.
import { compareCurves, tolerancesOf } from './curves.mjs';
import { settingsFor } from './settings.mjs';
import { hebbWorker, rivalWorker } from './worker.mjs';

const STEPS = 100;
// A step takes long, and the same kernels run in each.
const fewer = { resnet18: 20 };

async function lossesOf(worker, steps) {
  try {
    return await worker.ask('losses', { steps });
  } finally {
    await worker.close();
  }
}

/** By setting of the rivals: how far its losses are from those of hebb; and the versions of the libraries. */
export async function checkWorkload(name, file, { rivals, threads, isa, precision }) {
  const steps = fewer[name] ?? STEPS;
  const task = { name, file, threads, precision, check: true };
  const { losses: ours } = await lossesOf(hebbWorker(task, isa), steps);
  const within = tolerancesOf(name, precision);
  const results = [];
  const versions = {};
  for (const setting of rivals.flatMap(rival => settingsFor(rival, name))) {
    const { rival, name: settings } = setting;
    try {
      const { losses: theirs, versions: own } = await lossesOf(rivalWorker(setting, task, isa), steps);
      Object.assign(versions, own);
      results.push({ name, rival, settings, steps, ...compareCurves(ours, theirs, within), ours, theirs });
    } catch (error) {
      results.push({ name, rival, settings, steps, equal: false, failure: error.message });
    }
  }
  return { results, versions };
}
