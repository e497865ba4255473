// A save that is cut off in the middle leaves the file as it was.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'hebb';
import { Pcg32 } from '../../ts/data/order';
import { hook } from '../reliability/run-program';

const program = join(__dirname, 'programs', 'save.ts');
let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'hebb-atomic-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

/** The one value that fills the file's tensor. */
async function content(path: string, size: number): Promise<number> {
  const x = (await (await io.loadSafetensors(path)).get('x')?.read()) as Float32Array;
  expect(x.length).toBe(size);
  expect(new Set(x).size).toBe(1);
  return x[0] ?? NaN;
}

test('killed at any moment', async () => {
  const path = join(folder, 'x');
  const random = new Pcg32(5);
  for (let round = 0; round < 6; round++) {
    const child = spawn(process.execPath, ['--require', hook, program, path, '400000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise(resolve => child.stdout.once('data', resolve));
    await new Promise(resolve => setTimeout(resolve, 5 + random.below(60)));
    const ended = new Promise(resolve => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
    expect(await content(path, 400_000)).toBeGreaterThanOrEqual(0);
  }
}, 60_000);

test('no room for the new file', async () => {
  const path = join(folder, 'x');
  // The shell limits what its children may write to 512 KiB a file.
  const limited = (size: number, value: number): Promise<string> =>
    new Promise(resolve => {
      const command = 'ulimit -f 1024; exec "$0" --require "$1" "$2" "$3" "$4" "$5"';
      const args = ['-c', command, process.execPath, hook, program, path, String(size), String(value)];
      const child = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      child.on('close', code => resolve(`${text.trim()} ${code}`));
    });
  expect(await limited(1000, 7)).toBe('saved 0');
  expect(await limited(400_000, 8)).toBe(`DataError: safetensors: ${path}: cannot be used (EFBIG) 1`);
  expect(await content(path, 1000)).toBe(7);
}, 30_000);
