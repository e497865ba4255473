// Times the steps of one workload in hebb and in the fastest setting of the rivals, window by window in turn.
import { counted, shareOf, takePairs } from '../training/pairs.mjs';
import { median } from '../training/statistics.mjs';
import { settingsFor } from './settings.mjs';
import { hebbWorker, rivalWorker } from './worker.mjs';

const PROCESSES = 3;
const SCREENING_ROUNDS = 5;
// The threads of libgomp and of XLA spin for a few milliseconds after their last work before they sleep, and those of hebb's
// pool for less: none of it falls into the window of the other side.
const SETTLE_MS = 20;

/** A worker after its warm-up, or why there is none. */
async function started(worker, seconds) {
  try {
    return { worker, ...(await worker.ask('warmUp', { seconds })) };
  } catch (error) {
    await worker.close();
    return { failure: error.message };
  }
}

/**
 * Every setting of the rivals, all processes alive, a short window of each in turn: `{ rival, name, ms }` or `failure`
 * instead of the time, and the versions of the libraries.
 */
export async function screen(name, task, { rivals, isa, seconds }) {
  const settings = rivals.flatMap(rival => settingsFor(rival, name));
  const tried = [];
  for (const setting of settings) {
    tried.push({ setting, times: [], ...(await started(rivalWorker(setting, task, isa), seconds)) });
  }
  const alive = tried.filter(({ worker }) => worker !== undefined);
  try {
    for (let round = 0; round < SCREENING_ROUNDS; round++) {
      for (const { worker, times } of alive) times.push((await worker.window(seconds / 2)).ms);
    }
  } finally {
    await Promise.all(alive.map(({ worker }) => worker.close()));
  }
  return {
    versions: Object.assign({}, ...alive.map(({ versions }) => versions)),
    screened: tried.map(({ setting, times, firstStepMs, failure }) => ({
      setting,
      ...(failure === undefined ? { ms: median(times), firstStepMs } : { failure }),
    })),
  };
}

/** The fastest of what was screened, of all or of one rival; undefined where none ran. */
export function fastest(screened, rival) {
  const ran = screened.filter(each => each.ms !== undefined && (!rival || each.setting.rival === rival));
  return ran.reduce((best, each) => (best === undefined || each.ms < best.ms ? each : best), undefined);
}

/** One fresh process of each side: their pairs, and their memory and page faults. */
async function measureProcesses(setting, task, { isa, seconds, pairs }) {
  const workers = { hebb: hebbWorker(task, isa), rival: rivalWorker(setting, task, isa) };
  const idle = { hebb: 0, rival: 0 };
  try {
    for (const worker of Object.values(workers)) await worker.ask('warmUp', { seconds });
    const sides = Object.fromEntries(
      Object.entries(workers).map(([side, worker]) => [
        side,
        {
          async window(length) {
            const result = await worker.window(length);
            idle[side] = Math.max(idle[side], result.idleCpuMs);
            return result;
          },
        },
      ]),
    );
    const taken = await takePairs(sides, { seconds, pairs, settleMs: SETTLE_MS });
    const figures = {};
    for (const [side, worker] of Object.entries(workers)) {
      figures[side] = { ...(await worker.ask('figures', { seconds })), mostIdleCpuMs: idle[side] };
    }
    return { taken, figures };
  } finally {
    await Promise.all(Object.values(workers).map(worker => worker.close()));
  }
}

/** The pairs over fresh processes against one setting, and the figures of the last of these. */
export async function measurePairs(setting, task, options) {
  const processes = Math.min(PROCESSES, options.pairs);
  const taken = [];
  let figures;
  for (let i = 0; i < processes; i++) {
    const pairs = shareOf(options.pairs, processes, i);
    const result = await measureProcesses(setting, task, { ...options, pairs });
    taken.push(...result.taken);
    figures = result.figures;
  }
  return { ...counted(taken, options.pairs), figures };
}
