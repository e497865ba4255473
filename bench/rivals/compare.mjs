// Whole training steps of hebb, compiled, beside those of other libraries: `train --rivals torch,jax [--only a,b]
// [--threads N] [--pairs N] [--seconds S] [--isa avx2] [--precision bf16] [--peak GFLOPS] [--json FILE]`, or with `--check`
// whether both train the same. docs/performance.md says how the figures come about; `ops` has them of single operations.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeMachine } from '../training/machine.mjs';
import { saveJson } from '../training/run.mjs';
import { rounded } from '../training/statistics.mjs';
import { checkWorkload } from './check.mjs';
import { writeStart } from './exchange.mjs';
import { find } from './find.mjs';
import { fastest, measurePairs, screen } from './measure.mjs';
import { parse } from './options.mjs';
import { needPython } from './python.mjs';
import { checkLine, head, screenedLine, versionsLine, workloadLine, workloadReport } from './report.mjs';

/** What a kind of workload has of its own: its floor, its check and how it is printed. */
const trainings = {
  machineWith: machine => machine,
  machineLine: ({ processor, isa, threads, peakGflops, peakSource }) =>
    `${processor}, ${isa}, ${threads} threads, peak ${peakGflops} GFLOP/s (${peakSource})`,
  floorMs: ({ flops }, { peakGflops }) => flops / peakGflops / 1e6,
  check: checkWorkload,
  checkLine,
  nameWidth: undefined,
};

async function check(workload, file, { settings, report, kind }) {
  const { results, versions } = await kind.check(workload, file, settings);
  Object.assign(report.versions, versions);
  for (const result of results) console.log(kind.checkLine(result, kind.nameWidth));
  report.checks.push(...results);
  const unequal = results.filter(result => !result.equal);
  if (unequal.length > 0)
    throw new Error(`${workload.name}: ${unequal.length} of ${results.length} settings differ`);
}

async function compare(workload, file, { settings, report, kind }) {
  const { name, operation } = workload;
  const { precision, threads } = settings;
  const task = { name, file, threads, precision, operation };
  const { versions, screened } = await screen(name, task, settings);
  Object.assign(report.versions, versions);
  const best = fastest(screened);
  if (best === undefined) throw new Error(`${name}: no setting ran: ${screened[0].failure}`);
  const measured = await measurePairs(best.setting, task, settings);
  const floorMs = rounded(kind.floorMs(workload, report.machine));
  const each = workloadReport({ name, precision, floorMs, setting: best.setting, screened, measured });
  report.workloads.push(each);
  const line = workloadLine(each, kind.nameWidth);
  console.log(`${line}\n  ${screenedLine(each)}; ${versionsLine(report.versions)}`);
}

/** Times or checks workloads of one kind, by the options that its parser gave; the exit status. */
export async function compareAll(parsed, kind) {
  needPython();
  const machine = kind.machineWith(await describeMachine(parsed));
  const settings = { ...parsed, threads: machine.threads };
  console.log(kind.machineLine(machine));
  if (!settings.check) console.log(head(kind.nameWidth));
  const report = { machine, versions: {}, workloads: [], checks: [], failed: [] };
  const folder = mkdtempSync(path.join(tmpdir(), 'hebb-rivals-'));
  try {
    for (const name of settings.only) {
      const file = path.join(folder, `${name}.safetensors`);
      try {
        const workload = await find(name);
        await writeStart(workload, file);
        await (settings.check ? check : compare)(workload, file, { settings, report, kind });
      } catch (error) {
        report.failed.push({ name, reason: error.message.split('\n')[0] });
        console.error(`bench: ${error.message}`);
      }
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (settings.check) console.log(versionsLine(report.versions));
  saveJson(settings.json, report);
  return report.failed.length === 0 ? 0 : 1;
}

export const main = options => compareAll(parse(options), trainings);
