// Memory, page faults and the event loop over many compiled steps of the MLP whose losses are dropped:
// `soak [--json FILE] [--steps N] [--threads N]`; with `--cycles M` a step is compiled, run twice and disposed, M times.
// What is told of the start is measured after a tenth.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../scripts/process.mjs';
import { saveJson } from './training/run.mjs';

const child = path.join(path.dirname(fileURLToPath(import.meta.url)), 'training', 'soak-child.mjs');
const LEAST = 20;
const MOST = 1e8;
// A nursery of fixed size, which V8 would enlarge some time; and the collector, for the two moments of measurement.
const flags = ['--expose-gc', '--min-semi-space-size=2', '--max-semi-space-size=2'];

export async function main(options) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: options,
    options: { json: text, steps: { ...text, default: '20000' }, cycles: text, threads: text },
  });
  const kind = values.cycles === undefined ? 'steps' : 'cycles';
  const count = Number(values[kind]);
  if (!(Number.isInteger(count) && count >= LEAST && count <= MOST)) {
    throw new Error(`--${kind} is '${values[kind]}'; use an integer of ${LEAST} to ${MOST}`);
  }
  const task = JSON.stringify({ kind, count, threads: values.threads && Number(values.threads) });
  const { code, output } = await run(process.execPath, [...flags, child, task]);
  if (code !== 0) throw new Error(`soak: ${output}`);
  const lines = output.trim().split('\n');
  for (const line of lines.slice(0, -1)) console.error(`soak: ${line}`);
  console.log(lines.at(-1));
  saveJson(values.json, JSON.parse(lines.at(-1)));
  return 0;
}
