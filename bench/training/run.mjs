// What the training benchmarks share: each loop in a process of its own, and the JSON file.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../../scripts/process.mjs';

const loop = path.join(path.dirname(fileURLToPath(import.meta.url)), 'loop.mjs');

export function parse(options) {
  const { values } = parseArgs({
    args: options,
    options: { json: { type: 'string' }, steps: { type: 'string', default: '2000' } },
  });
  const steps = Number(values.steps);
  if (!Number.isInteger(steps) || steps < 300)
    throw new Error(`--steps is '${values.steps}'; use an integer of 300 and more`);
  return { json: values.json, steps };
}

// A nursery of fixed size: V8 enlarges it when enough has survived, which depends on what ran before the loop, and touching
// the new pages would count as growth.
const flags = ['--min-semi-space-size=2', '--max-semi-space-size=2'];

async function measureOnce(kind, steps) {
  const { code, output } = await run(process.execPath, [...flags, loop, kind, String(steps)]);
  if (code !== 0) throw new Error(`${kind}: ${output}`);
  return JSON.parse(output.trim().split('\n').at(-1));
}

/**
 * The figures of one loop, 'fit' or 'eager': of the first of up to three runs that passes, or of the last. Whatever else the
 * machine does, and V8's compiler threads, make single runs worse; a leak or a blocked thread shows in all of them.
 */
export async function measure(kind, steps, passes) {
  for (let attempt = 1; ; attempt++) {
    const figures = await measureOnce(kind, steps);
    const passed = passes(figures);
    if (passed || attempt === 3) return { ...figures, attempt, passed };
  }
}

export function saveJson(file, content) {
  if (file === undefined) return;
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
}

export const save = (file, results) => saveJson(file, { results });
