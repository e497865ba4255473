// Pairs of windows, one of each of two sides, with what tells whether the machine was quiet meanwhile.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Canary } from './canary.mjs';
import { foreignShare, processorMs } from './process-figures.mjs';

const MOST_FOREIGN = 0.01;
const REST_MS = 100;

/** One window each, in this order. */
async function takePair(sides, order, { seconds, settleMs }, canary) {
  const began = performance.now();
  const before = processorMs();
  const songs = [canary.sing()];
  const result = {};
  let elsewhereMs = 0;
  for (const name of order) {
    const window = await sides[name].window(seconds);
    result[name] = window.ms;
    // Of sides that are processes of their own.
    elsewhereMs += window.cpuMs ?? 0;
    // Let the threads of the side fall asleep.
    await sleep(settleMs);
    songs.push(canary.sing());
  }
  const elapsed = performance.now() - began;
  return { ...result, foreign: foreignShare(before, elapsed, availableParallelism(), elsewhereMs), songs };
}

/**
 * Windows of the two `sides`, by name, in the order A B B A until `pairs` were quiet, or twice as many were tried; each is
 * `{ NAME: ms, NAME: ms, quiet }`. A side has `window(seconds)`, which gives at least `{ ms }`, of one step.
 */
export async function takePairs(sides, { seconds, pairs: wanted, settleMs = 2 }) {
  const canary = new Canary();
  const names = Object.keys(sides);
  const taken = [];
  const quiet = ({ foreign, songs }) => foreign <= MOST_FOREIGN && songs.every(song => canary.isWell(song));
  while (taken.filter(quiet).length < wanted && taken.length < 2 * wanted) {
    const order = taken.length % 2 === 0 ? names : [...names].reverse();
    taken.push(await takePair(sides, order, { seconds, settleMs }, canary));
    if (!quiet(taken.at(-1))) await sleep(REST_MS);
  }
  return taken.map(each => ({
    ...Object.fromEntries(names.map(name => [name, each[name]])),
    quiet: quiet(each),
  }));
}

/** How many of `pairs` process number `i` of `processes` takes. */
export const shareOf = (pairs, processes, i) =>
  Math.floor(((i + 1) * pairs) / processes) - Math.floor((i * pairs) / processes);

/** The pairs that count: where quiet moments were too few, all do, and `noisy` says so. */
export function counted(taken, wanted) {
  const quiet = taken.filter(each => each.quiet);
  const noisy = quiet.length < Math.max(1, wanted / 2);
  return { used: noisy ? taken : quiet, taken, noisy };
}
