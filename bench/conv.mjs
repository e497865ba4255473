// Convolutions of 3 x 3 with stride 1 by the direct kernels and by Winograd's tiles, called in turn in one process, and the
// errors of both: `conv [--json FILE] [--isa NAME] [--threads N] [--seconds S] [NxHxWxCxO...]`. Without layers: those of
// ResNet-18 at batch 32.
import { availableParallelism, loadavg } from 'node:os';
import { run } from '../scripts/process.mjs';
import {
  buildKernelProgram,
  kernelProgram,
  machineIsas,
  parseKernelOptions,
} from './training/kernel-program.mjs';
import { saveJson } from './training/run.mjs';

const name = 'conv_bench';
const widths = [20, 12, 8, 9, 11, 13, 9, 14, 16];
const row = (...cells) => cells.map((cell, i) => String(cell).padStart(widths[i])).join('');

function print(r) {
  const layer = `${r.batch}x${r.height}x${r.width}x${r.channels}x${r.outs}`;
  const times = [r.directMs, r.winogradMs].map(time => time.toFixed(2));
  const errors = [r.directError, r.winogradError].map(error => error.toExponential(1));
  console.log(row(layer, r.pass, r.isa, r.threads, ...times, r.speedup.toFixed(2), ...errors));
}

export async function main(options) {
  const { values, positionals } = parseKernelOptions(options, '0.5');
  const failure = await buildKernelProgram(name);
  if (failure !== null) {
    console.error(`bench: ${failure}`);
    return 1;
  }
  const load = loadavg()[0];
  if (load >= 1) console.log(`bench: the load is ${load.toFixed(1)}; only the ratios mean something`);
  const isa = values.isa ?? (await machineIsas(name))[0];
  const threads = values.threads ?? String(Math.min(2, availableParallelism()));
  const { code, output } = await run(kernelProgram(name), [isa, threads, values.seconds, ...positionals]);
  if (code !== 0) {
    console.error(`bench: ${output}`);
    return 1;
  }
  const titles = ['direct ms', 'winograd ms', 'speedup', 'direct error', 'winograd error'];
  console.log(row('layer', 'pass', 'isa', 'threads', ...titles));
  const results = output
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
  results.forEach(print);
  saveJson(values.json, { load, results });
  return 0;
}
