// GEMM rates as fractions of the FMA peak measured in the same run, for each instruction set and one and two threads:
// `gemm [--json FILE] [--isa NAME] [--threads N] [--seconds S] [MxNxK[:LETTERS]...]`.
import { availableParallelism, loadavg } from 'node:os';
import { run } from '../scripts/process.mjs';
import {
  buildKernelProgram,
  kernelProgram,
  machineIsas,
  parseKernelOptions,
} from './training/kernel-program.mjs';
import { saveJson } from './training/run.mjs';

export const program = kernelProgram('gemm_bench');
export const buildProgram = () => buildKernelProgram('gemm_bench');

const row = (...cells) =>
  cells.map((cell, i) => String(cell).padStart([22, 6, 8, 8, 9, 9, 9][i] ?? 9)).join('');

function print(result) {
  const shape = `${result.m}x${result.n}x${result.k}${result.letters && `:${result.letters}`}`;
  const percent = `${(100 * result.fraction).toFixed(1)} %`;
  const rates = [result.gflops, result.medianGflops, result.peakGflops].map(rate => rate.toFixed(1));
  console.log(row(shape, result.dtype, result.isa, result.threads, ...rates) + percent.padStart(10));
}

export async function main(options) {
  const { values, positionals } = parseKernelOptions(options, '0.3');
  const failure = await buildProgram();
  if (failure !== null) {
    console.error(`bench: ${failure}`);
    return 1;
  }
  const wished = values.isa ?? process.env.HEBB_ISA;
  const isas = wished ? [wished] : await machineIsas('gemm_bench');
  const threads = values.threads ? [values.threads] : availableParallelism() > 1 ? ['1', '2'] : ['1'];
  const load = loadavg()[0];
  if (load >= 1) console.log(`bench: the load is ${load.toFixed(1)}; figures are right only below 1`);
  console.log(`${row('shape', 'dtype', 'isa', 'threads', 'GFLOP/s', 'median', 'peak')}  fraction`);
  const results = [];
  for (const isa of isas) {
    for (const count of threads) {
      const { code, output } = await run(program, [isa, count, values.seconds, ...positionals]);
      if (code !== 0) {
        console.error(`bench: ${output}`);
        return 1;
      }
      for (const line of output.trim().split('\n')) {
        results.push(JSON.parse(line));
        print(results.at(-1));
      }
    }
  }
  saveJson(values.json, { load, results });
  return 0;
}
