// The machine as the results name it, and its arithmetic peak.
import { availableParallelism, cpus, loadavg } from 'node:os';
import { run } from '../../scripts/process.mjs';
import { buildProgram, program } from '../gemm.mjs';
import { hebb, source } from '../workloads/hebb.mjs';

// Of one core of the reference machine, with AVX-512.
const REFERENCE_GFLOPS = 246.5;

async function measuredPeak(threads, isa) {
  const failure = await buildProgram();
  if (failure !== null) return undefined;
  const { code, output } = await run(program, [isa, String(threads), '0.3', '512x512x512']);
  return code === 0 ? JSON.parse(output.trim().split('\n').at(-1)).peakGflops : undefined;
}

/** `given` GFLOP/s where that is a number; else the peak measured now or, without a compiler, the reference machine's. */
async function peak(given, threads, isa) {
  if (given !== undefined) return { peakGflops: given, peakSource: 'given' };
  const measured = await measuredPeak(threads, isa);
  return measured === undefined
    ? { peakGflops: REFERENCE_GFLOPS * threads, peakSource: 'reference' }
    : { peakGflops: measured, peakSource: 'measured' };
}

export async function describeMachine({ threads = hebb.threads(), isa = hebb.isa(), peakGflops } = {}) {
  const load = Number(loadavg()[0].toFixed(2));
  if (load >= 1) console.log(`bench: the load is ${load.toFixed(1)}; figures are right only below 1`);
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    node: process.version,
    isa,
    threads,
    source,
    load,
    ...(await peak(peakGflops, threads, isa)),
  };
}
