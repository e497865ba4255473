// Whole training steps, eager and compiled: time, its part that arithmetic needs at least, memory, page faults, and the
// ratio of both modes: `train [--json FILE] [--only a,b] [--threads N] [--pairs N] [--seconds S] [--peak GFLOPS]`.
// A pair is a window of `seconds` in each mode, one after the other in the same process; the pairs are spread over
// three processes. With `--rivals torch,jax` hebb is compared with those instead: see rivals/compare.mjs.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../scripts/process.mjs';
import { namesRivals } from './rivals/options.mjs';
import { describeMachine } from './training/machine.mjs';
import { numberOption } from './training/options.mjs';
import { counted, shareOf } from './training/pairs.mjs';
import { saveJson } from './training/run.mjs';
import { median, medianInterval, quantile, rounded } from './training/statistics.mjs';
import { chosen, workload as find } from './workloads/index.mjs';

const child = path.join(path.dirname(fileURLToPath(import.meta.url)), 'training', 'step-child.mjs');
const PROCESSES = 3;
const modes = ['eager', 'compiled'];

function parse(options) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: options,
    options: {
      json: text,
      only: text,
      threads: text,
      peak: text,
      pairs: { ...text, default: '21' },
      seconds: { ...text, default: '0.5' },
    },
  });
  const optional = (name, least) =>
    values[name] === undefined ? undefined : numberOption(name, values[name], least);
  return {
    json: values.json,
    only: chosen(values.only),
    threads: optional('threads', 1),
    peakGflops: optional('peak', 1),
    pairs: Math.round(numberOption('pairs', values.pairs, 1)),
    seconds: numberOption('seconds', values.seconds, 0),
  };
}

/** What the child prints last; its warnings are passed on. */
async function measure(task) {
  const { code, output } = await run(process.execPath, [child, JSON.stringify(task)]);
  const lines = output.trim().split('\n');
  if (code !== 0) throw new Error(`${task.name}: ${output}`);
  for (const line of lines.slice(0, -1)) console.error(`${task.name}: ${line}`);
  return JSON.parse(lines.at(-1));
}

/** The pairs of all processes, and how far the losses of the modes are apart. */
async function measurePairs(name, { threads, pairs, seconds }) {
  const processes = Math.min(PROCESSES, pairs);
  const taken = [];
  let difference = 0;
  for (let i = 0; i < processes; i++) {
    const share = shareOf(pairs, processes, i);
    const result = await measure({ task: 'pairs', name, threads, pairs: share, seconds });
    taken.push(...result.pairs);
    difference = Math.max(difference, result.lossDifference);
  }
  return { ...counted(taken, pairs), lossDifference: difference };
}

function ratioOf(name, { used, taken, noisy, lossDifference }) {
  const ratios = used.map(({ eager, compiled }) => compiled / eager);
  const [low, high] = medianInterval(ratios);
  const ratio = median(ratios);
  return {
    name,
    ratio: rounded(ratio),
    ratioLow: rounded(low),
    ratioHigh: rounded(high),
    speedup: rounded(1 / ratio),
    speedupLow: rounded(1 / high),
    speedupHigh: rounded(1 / low),
    pairs: used.length,
    noisy,
    lossDifference,
    samples: taken,
  };
}

const row = (name, ...cells) => name.padEnd(22) + cells.map(text => text.padStart(10)).join('');
const head = row('workload', 'ms', 'p10', 'floor', '% floor', 'peak MB', 'RSS MB', 'faults');

function printWorkload(each) {
  const times = [each.hebbMs, each.hebbP10Ms, each.floorMs].map(ms => ms.toPrecision(4));
  const share = ((100 * each.floorMs) / each.hebbMs).toFixed(1);
  const memory = [each.peakMb, each.peakRssMb].map(mb => mb.toFixed(1));
  console.log(
    row(`${each.name} ${each.mode}`, ...times, share, ...memory, each.pageFaultsPerStep.toFixed(2)),
  );
}

function printRatio({ name, ratio, ratioLow, ratioHigh, speedup, noisy, lossDifference, pairs }) {
  const interval = `${ratio.toFixed(3)} [${ratioLow.toFixed(3)}, ${ratioHigh.toFixed(3)}]`;
  const losses =
    lossDifference === 0 ? 'equal losses' : `losses differ by ${lossDifference.toExponential(1)}`;
  const quiet = noisy ? 'NOISY, ' : '';
  console.log(
    `${name} compiled / eager ${interval}, ${speedup.toFixed(2)}x; ${quiet}${pairs} pairs, ${losses}`,
  );
}

async function measureWorkload(name, machine, options) {
  const { flops } = await find(name);
  const { threads } = machine;
  const figures = {};
  for (const mode of modes) {
    figures[mode] = await measure({ task: 'figures', name, threads, mode, seconds: options.seconds });
  }
  const paired = await measurePairs(name, { ...options, threads });
  const floorMs = rounded(flops / machine.peakGflops / 1e6);
  const results = modes.map(mode => {
    const times = paired.used.map(each => each[mode]);
    const [hebbMs, hebbP10Ms] = [median(times), quantile(times, 0.1)].map(rounded);
    return { name, mode, hebbMs, hebbP10Ms, floorMs, ...figures[mode] };
  });
  return { results, ratio: ratioOf(name, paired) };
}

export async function main(options) {
  if (namesRivals(options)) return (await import('./rivals/compare.mjs')).main(options);
  const settings = parse(options);
  const machine = await describeMachine(settings);
  console.log(
    `${machine.processor}, ${machine.isa}, ${machine.threads} threads, peak ` +
      `${machine.peakGflops} GFLOP/s (${machine.peakSource})\n${head}`,
  );
  const report = { machine, workloads: [], ratios: [], failed: [] };
  for (const name of settings.only) {
    try {
      const { results, ratio } = await measureWorkload(name, machine, settings);
      report.workloads.push(...results);
      report.ratios.push(ratio);
      results.forEach(printWorkload);
      printRatio(ratio);
    } catch (error) {
      report.failed.push({ name, reason: error.message.split('\n')[0] });
      console.error(`bench: ${error.message}`);
    }
  }
  saveJson(settings.json, report);
  return report.failed.length === 0 ? 0 : 1;
}
