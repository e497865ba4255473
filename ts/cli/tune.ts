// hebb tune: a script with tuned steps, and what was chosen for them.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ValueError } from '../errors';
import { table } from '../text-table';
import { TABLE } from '../tuning';
import { readTableIfAny } from '../tuning-table';
import type { Choice, Choices } from '../tuning-table';

/** What `hebb tune` is told. */
export interface TuneArguments {
  readonly table: string;
  readonly script: string;
  readonly args: readonly string[];
}

export const TUNE_HELP = `hebb tune: runs a script and measures which kernels are fastest for its compiled steps

  hebb tune [--table FILE] -- SCRIPT [ARGUMENTS]

  --table FILE  what was chosen (${TABLE}); what it has already is used and not measured again

Give the file to compile(fn, { tuned: FILE }) or fit({ tuned: FILE }) for the same choices in every run.
`;

/** Throws ValueError for an unknown option or a missing script. */
export function parseTune(args: readonly string[]): TuneArguments {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);
  const [script, ...rest] = end < 0 ? [] : args.slice(end + 1);
  let given: { table?: string };
  try {
    given = parseArgs({ args: [...own], options: { table: { type: 'string' } } }).values;
  } catch {
    throw new ValueError('tune', `${own.join(' ')} is not understood; see hebb tune --help`);
  }
  if (given.table === '') throw new ValueError('tune', '--table is empty; give a path');
  if (script === undefined) throw new ValueError('tune', 'got no script; give it behind --');
  return { table: resolve(given.table ?? TABLE), script, args: rest };
}

// The exit code, as a shell gives it. The script decides what a signal means.
function runScript({ table: path, script, args }: TuneArguments): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
      stdio: 'inherit',
      env: { ...process.env, HEBB_TUNE: path },
    });
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', fail);
    child.on('close', (code, signal) =>
      done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

function row([key, { method, ms }]: readonly [string, Choice]): string[] {
  const times = Object.entries(ms).map(([name, time]) => `${name} ${time.toPrecision(3)}`);
  return [key, method, times.join(', ')];
}

function report(path: string, before: Choices, after: Choices): void {
  const measured = [...after].filter(([key]) => !before.has(key));
  if (measured.length > 0) {
    console.log(`\n${table(measured.map(row), { head: ['command', 'chosen', 'ms'], left: [0, 1, 2] })}\n`);
  }
  console.log(`${path}: ${measured.length} measured now, ${before.size} were there`);
}

/** Runs the script; resolves with its exit code. */
export async function tune(args: TuneArguments): Promise<number> {
  const before = readTableIfAny(args.table);
  const code = await runScript(args);
  report(args.table, before, readTableIfAny(args.table));
  return code;
}
