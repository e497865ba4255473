// `train --rivals NAMES --check` and `ops --check`: whether workloads and operations are the same in each library. Both sides
// start from the same file. Trainings use the same batch; their noise is fixed and nothing is dropped.
import { compareCurves, tolerancesOf } from './curves.mjs';
import { settingsFor } from './settings.mjs';
import { compareSums, sumsTolerance } from './sums.mjs';
import { hebbWorker, rivalWorker } from './worker.mjs';

const STEPS = 100;
// A step takes long, and the same kernels run in each.
const fewer = { resnet18: 20 };

async function answerOf(worker, question) {
  try {
    return await worker.ask(question.name, question.options);
  } finally {
    await worker.close();
  }
}

/** By setting of the rivals: what `compare(ours, theirs)` says of the answers; and the versions of the libraries. */
async function checkAgainst(task, { rivals, isa }, question, compare) {
  const { name } = task;
  const ours = await answerOf(hebbWorker(task, isa), question);
  const results = [];
  const versions = {};
  for (const setting of rivals.flatMap(rival => settingsFor(rival, name))) {
    const about = { name, rival: setting.rival, settings: setting.name };
    try {
      const theirs = await answerOf(rivalWorker(setting, task, isa), question);
      Object.assign(versions, theirs.versions);
      results.push({ ...about, ...compare(ours, theirs) });
    } catch (error) {
      results.push({ ...about, equal: false, failure: error.message });
    }
  }
  return { results, versions };
}

export function checkWorkload({ name }, file, settings) {
  const steps = fewer[name] ?? STEPS;
  const { threads, precision } = settings;
  const within = tolerancesOf(name, precision);
  const task = { name, file, threads, precision, check: true };
  const question = { name: 'losses', options: { steps } };
  return checkAgainst(task, settings, question, ({ losses: ours }, { losses: theirs }) => ({
    steps,
    ...compareCurves(ours, theirs, within),
    ours,
    theirs,
  }));
}

/** Dropout drops in each library what its own generator says. */
export function checkOperation({ name, operation }, file, settings) {
  const { threads, precision } = settings;
  const task = { name, file, threads, precision, operation };
  const within = sumsTolerance(operation);
  return checkAgainst(task, settings, { name: 'sums' }, ({ sums: ours }, { sums: theirs }) => ({
    ...compareSums(ours, theirs, within),
    ours,
    theirs,
  }));
}
