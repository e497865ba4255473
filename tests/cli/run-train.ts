// Runs `hebb train` from the sources in a process of its own, on a small data set in a folder.
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { data } from 'hebb';
import { hook } from '../reliability/run-program';

const main = join(__dirname, '..', '..', 'ts', 'cli', 'main.ts');

/** How it ended and what it wrote. */
export interface Outcome {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `act` is called with the process once it has written `until`. */
export interface RunOptions {
  readonly until?: string;
  readonly cwd?: string;
  readonly act?: (child: { kill(signal: NodeJS.Signals): void }) => void;
}

export function runCli(args: readonly string[], { until, act, cwd }: RunOptions = {}): Promise<Outcome> {
  return new Promise(resolve => {
    const child = spawn(process.execPath, ['--require', hook, main, ...args], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    const text = { stdout: '', stderr: '' };
    let isActed = false;
    child.stdout.on('data', (chunk: Buffer) => {
      text.stdout += chunk.toString();
      if (until === undefined || isActed || !text.stdout.includes(until)) return;
      isActed = true;
      act?.({ kill: signal => void child.kill(signal) });
    });
    child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()));
    child.on('close', (code, signal) => resolve({ code, signal, ...text }));
  });
}

function idx(magic: number, dimensions: readonly number[], values: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.writeUInt32BE(magic);
  dimensions.forEach((extent, i) => header.writeUInt32BE(extent, 4 + 4 * i));
  return Buffer.concat([header, values]);
}

/** A folder with the four files of a set in the format of MNIST, drawn by code. */
export async function writeIdxFolder(folder: string, count: { train: number; test: number }): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, size, seed] of [
    ['train', count.train, 1],
    ['t10k', count.test, 2],
  ] as const) {
    const set = data.digits({ seed, count: size });
    const { x = [], target = [] } = set.gather(Int32Array.from({ length: size }, (_, i) => i));
    const pixels = Uint8Array.from(x, value => Math.round(255 * value));
    await writeFile(join(folder, `${name}-images-idx3-ubyte`), idx(0x803, [size, 28, 28], pixels));
    await writeFile(join(folder, `${name}-labels-idx1-ubyte`), idx(0x801, [size], Uint8Array.from(target)));
  }
}
