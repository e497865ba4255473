// Single operations of hebb beside other libraries, forward and back: `ops [--rivals torch,jax] [--only gemm,lstm] [--threads N]
// [--pairs N] [--seconds S] [--isa avx2] [--peak GFLOPS] [--json FILE]`, or with `--check` whether all compute the same.
// docs/performance.md says what an operation is and how the figures come about.
import { operations } from './ops/cases.mjs';
import { checkOperation } from './rivals/check.mjs';
import { compareAll } from './rivals/compare.mjs';
import { parseOperations } from './rivals/options.mjs';
import { sumsLine } from './rivals/report.mjs';
import { Canary } from './training/canary.mjs';
import { rounded } from './training/statistics.mjs';

const kind = {
  // Megabytes in a millisecond are gigabytes in a second.
  machineWith: machine => ({
    ...machine,
    streamGBs: rounded((machine.threads * new Canary().bandwidth) / 1e6),
  }),
  machineLine: ({ processor, isa, threads, peakGflops, peakSource, streamGBs }) =>
    `${processor}, ${isa}, ${threads} threads, peak ${peakGflops} GFLOP/s (${peakSource}), ${streamGBs} GB/s`,
  floorMs: ({ flops, bytes }, { peakGflops, streamGBs }) =>
    (flops === undefined ? bytes / streamGBs : flops / peakGflops) / 1e6,
  check: checkOperation,
  checkLine: sumsLine,
  nameWidth: 2 + Math.max(...operations.map(({ name }) => name.length)),
};

export const main = options => compareAll(parseOperations(options), kind);
