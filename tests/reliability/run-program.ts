// Runs a program of this folder in a process of its own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

export const hook = join(__dirname, 'typescript-hook.cjs');
export const programPath = (name: string): string => join(__dirname, 'programs', `${name}.ts`);

export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

/** Ends with the process; one that does not end within `limit` ms is killed and reports its signal. */
export function runProgram(
  name: string,
  {
    args = [],
    env = {},
    cwd,
    limit = 20_000,
    node = [],
  }: { args?: string[]; env?: NodeJS.ProcessEnv; cwd?: string; limit?: number; node?: string[] } = {},
): Promise<Outcome> {
  const began = performance.now();
  return new Promise(resolve => {
    const child = spawn(process.execPath, [...node, '--require', hook, programPath(name), ...args], {
      env: { ...process.env, ...env },
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: limit,
      killSignal: 'SIGKILL',
    });
    const text = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
    child.on('close', (code, signal) =>
      resolve({ code, signal, ...text, milliseconds: performance.now() - began }),
    );
  });
}
