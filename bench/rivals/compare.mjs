// Whole training steps of hebb, compiled, beside those of other libraries: `train --rivals torch,jax [--only a,b]
// [--threads N] [--pairs N] [--seconds S] [--isa avx2] [--precision bf16] [--peak GFLOPS] [--json FILE]`, or with `--check`
// whether both train the same. docs/performance.md says how the figures come about.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeMachine } from '../training/machine.mjs';
import { saveJson } from '../training/run.mjs';
import { rounded } from '../training/statistics.mjs';
import { workload as find } from '../workloads/index.mjs';
import { checkWorkload } from './check.mjs';
import { writeStart } from './exchange.mjs';
import { fastest, measurePairs, screen } from './measure.mjs';
import { parse } from './options.mjs';
import { needPython } from './python.mjs';
import { checkLine, head, screenedLine, versionsLine, workloadLine, workloadReport } from './report.mjs';

async function check(name, file, settings, report) {
  const { results, versions } = await checkWorkload(name, file, settings);
  Object.assign(report.versions, versions);
  for (const result of results) console.log(checkLine(result));
  report.checks.push(...results);
  const unequal = results.filter(result => !result.equal);
  if (unequal.length > 0) throw new Error(`${name}: ${unequal.length} of ${results.length} curves differ`);
}

async function compare(name, file, settings, report) {
  const { precision, threads } = settings;
  const task = { name, file, threads, precision };
  const { versions, screened } = await screen(name, task, settings);
  Object.assign(report.versions, versions);
  const best = fastest(screened);
  if (best === undefined) throw new Error(`${name}: no setting ran: ${screened[0].failure}`);
  const measured = await measurePairs(best.setting, task, settings);
  const { flops } = await find(name);
  const floorMs = rounded(flops / report.machine.peakGflops / 1e6);
  const each = workloadReport({ name, precision, floorMs, setting: best.setting, screened, measured });
  report.workloads.push(each);
  console.log(`${workloadLine(each)}\n  ${screenedLine(each)}; ${versionsLine(report.versions)}`);
}

export async function main(options) {
  const parsed = parse(options);
  needPython();
  const machine = await describeMachine(parsed);
  const settings = { ...parsed, threads: machine.threads };
  const { processor, isa, threads, peakGflops, peakSource } = machine;
  console.log(`${processor}, ${isa}, ${threads} threads, peak ${peakGflops} GFLOP/s (${peakSource})`);
  if (!settings.check) console.log(head);
  const report = { machine, versions: {}, workloads: [], checks: [], failed: [] };
  const folder = mkdtempSync(path.join(tmpdir(), 'hebb-rivals-'));
  try {
    for (const name of settings.only) {
      const file = path.join(folder, `${name}.safetensors`);
      try {
        await writeStart(await find(name), file);
        await (settings.check ? check : compare)(name, file, settings, report);
      } catch (error) {
        report.failed.push({ name, reason: error.message.split('\n')[0] });
        console.error(`bench: ${error.message}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (settings.check) console.log(versionsLine(report.versions));
  saveJson(settings.json, report);
  return report.failed.length === 0 ? 0 : 1;
}
