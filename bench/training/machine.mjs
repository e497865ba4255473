// The machine as the results name it, and its arithmetic peak.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { run } from '../../scripts/process.mjs';
import { buildProgram, program } from '../gemm.mjs';
import { hebb, source } from '../workloads/hebb.mjs';

// Of one core of the reference machine, with AVX-512.
const REFERENCE_GFLOPS = 246.5;

async function measuredPeak(threads) {
  const failure = await buildProgram();
  if (failure !== null) return undefined;
  const { code, output } = await run(program, [hebb.isa(), String(threads), '0.3', '512x512x512']);
  return code === 0 ? JSON.parse(output.trim().split('\n').at(-1)).peakGflops : undefined;
}

/** `given` GFLOP/s where that is a number; else the peak measured now or, without a compiler, the reference machine's. */
async function peak(given, threads) {
  if (given !== undefined) return { peakGflops: given, peakSource: 'given' };
  const measured = await measuredPeak(threads);
  return measured === undefined
    ? { peakGflops: REFERENCE_GFLOPS * threads, peakSource: 'reference' }
    : { peakGflops: measured, peakSource: 'measured' };
}

export async function describeMachine({ threads = hebb.threads(), peakGflops } = {}) {
  const load = Number(loadavg()[0].toFixed(2));
  if (load >= 1) console.log(`bench: the load is ${load.toFixed(1)}; figures are right only below 1`);
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    node: process.version,
    isa: hebb.isa(),
    threads,
    source,
    load,
    ...(await peak(peakGflops, threads)),
  };
}
