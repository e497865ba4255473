// gpu-check runs without a GPU, on the emulator: its checks call kernels, and its other phases plan what they would do.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from './source-tree';

interface Phase {
  readonly status: string;
  readonly value: unknown;
}
interface Result {
  readonly phases: Record<string, Phase>;
  readonly verified: Record<string, { readonly verified: boolean; readonly cases: number }>;
}

const missing = ['python3', 'cmake'].find(name => spawnSync(name, ['--version']).error !== undefined);
const noNumpy = spawnSync('python3', ['-c', 'import numpy']).status !== 0;
const reason =
  missing !== undefined
    ? `no ${missing}`
    : noNumpy
      ? 'no numpy'
      : process.arch !== 'x64'
        ? 'no emulator here'
        : '';
if (reason !== '') process.stderr.write(`gpu-check: skipped the dry run: ${reason}\n`);
const testHere = reason === '' ? test : test.skip;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'hebb-gpu-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function check(...args: string[]): Promise<{ code: number | null; output: string }> {
  return new Promise(resolve => {
    const program = path.join(root, 'scripts', 'gpu-check');
    const child = spawn('python3', [program, '--dry-run', '--quick', '--out', folder, ...args]);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('close', code => resolve({ code, output }));
  });
}

testHere(
  'a dry run passes, within what it may print and write',
  async () => {
    const { code, output } = await check();
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    expect(output.length).toBeLessThanOrEqual(12_000);
    expect(readdirSync(folder).length).toBeLessThanOrEqual(8);
    const { phases, verified } = JSON.parse(readFileSync(path.join(folder, 'result.json'), 'utf8')) as Result;
    for (const name of ['library', 'kernels', 'gradients', 'ceilings', 'benchmarks'])
      expect([name, phases[name]?.status]).toEqual([name, 'ok']);
    for (const name of ['delay', 'sanitizer', 'node']) expect(phases[name]?.status).toMatch(/^skipped: /);
    expect(phases.library?.value).toMatchObject({ unchecked: [] });
    expect(phases.kernels?.value).toMatchObject({ elementwise: { failed: 0, complete: true } });
    // Every file of kernels has cases that would verify it.
    expect(Object.entries(verified).filter(([, { cases }]) => cases === 0)).toEqual([]);
    // An emulator verifies nothing on a device.
    expect(Object.values(verified).some(entry => entry.verified)).toBe(false);
  },
  900_000,
);

testHere('a library that is none is told', async () => {
  const { code, output } = await check('--library', path.join(root, 'package.json'));
  expect(code).toBe(1);
  expect(output).toMatch(/no library: .*package\.json is no library of hebb/);
});
