// Wild calls of everything the library exports, in child processes: `fuzz [--calls N] [--seed S] [--jobs J] [--each N]`.
// A process that dies, hangs, leaks or throws an untyped error is printed with its seed and its last call, and counted;
// HEBB_PREBUILD names another folder with build/Release/hebb.node, a sanitized one say.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root } from '../scripts/process.mjs';

const folder = path.join(root, 'tests/reliability');
const limitMs = 600_000;

function runChild(seed, calls, log) {
  const hook = path.join(folder, 'typescript-hook.cjs');
  const program = path.join(folder, 'programs/fuzz.ts');
  return new Promise(resolve => {
    const args = ['--expose-gc', '--require', hook, program, String(seed), String(calls), log];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
    });
    const text = { out: '', error: '' };
    child.stdout.on('data', chunk => (text.out += chunk));
    child.stderr.on('data', chunk => (text.error += chunk));
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return { made: 0, neverOk: [], outcomes: {} };
  }
}

function printFailure(seed, { code, signal, error }, log) {
  const last = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-3).join('\n  ');
  console.error(
    `fuzz: seed ${seed} ended with ${signal ?? code}; its last calls:\n  ${last}\n${error.slice(0, 6000)}`,
  );
}

export async function main(options) {
  const { values } = parseArgs({
    args: options,
    options: {
      calls: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      each: { type: 'string', default: '10000' },
    },
  });
  const [calls, seed, jobs, each] = [values.calls, values.seed, values.jobs, values.each].map(Number);
  const logs = mkdtempSync(path.join(tmpdir(), 'hebb-fuzz-'));
  const total = { made: 0, failures: 0, outcomes: {} };
  let neverOk;
  let next = 0;
  const worker = async () => {
    while (next * each < calls) {
      const own = seed + next;
      const count = Math.min(each, calls - next * each);
      next++;
      const log = path.join(logs, `${own}.log`);
      const result = await runChild(own, count, log);
      const report = parsed(result.out);
      if (result.code !== 0) {
        total.failures++;
        printFailure(own, result, log);
        report.made ||= readFileSync(log, 'utf8').split('\n').length - 1;
      }
      rmSync(log);
      total.made += report.made;
      neverOk = neverOk?.filter(name => report.neverOk.includes(name)) ?? report.neverOk;
      for (const [name, n] of Object.entries(report.outcomes)) {
        total.outcomes[name] = (total.outcomes[name] ?? 0) + n;
      }
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  rmSync(logs, { recursive: true, force: true });
  const sorted = Object.entries(total.outcomes).sort((a, b) => b[1] - a[1]);
  console.log(JSON.stringify({ ...total, outcomes: Object.fromEntries(sorted), neverOk }, null, 1));
  return total.failures === 0 ? 0 : 1;
}
