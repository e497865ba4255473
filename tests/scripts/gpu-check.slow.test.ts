// gpu-check runs without a GPU, on the emulator: its checks call kernels, and its other phases plan what they would do.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Recorded, writeRecording } from './recording';
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

// The first test to run builds the library.
const patience = 900_000;

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

function result(): Result {
  return JSON.parse(readFileSync(path.join(folder, 'result.json'), 'utf8')) as Result;
}

function recorded(...kernels: readonly Recorded[]): string {
  const file = path.join(folder, 'programs.rec');
  writeRecording(file, kernels);
  return file;
}

testHere(
  'a dry run passes, within what it may print and write',
  async () => {
    const { code, output } = await check('--programs', recorded({ entry: 'double' }));
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    expect(output.length).toBeLessThanOrEqual(12_000);
    expect(readdirSync(folder).length).toBeLessThanOrEqual(8);
    const { phases, verified } = result();
    for (const name of ['library', 'kernels', 'programs', 'gradients', 'ceilings', 'benchmarks'])
      expect([name, phases[name]?.status]).toEqual([name, 'ok']);
    for (const name of ['delay', 'sanitizer', 'node']) expect(phases[name]?.status).toMatch(/^skipped: /);
    expect(phases.library?.value).toMatchObject({ unchecked: [] });
    expect(phases.kernels?.value).toMatchObject({ elementwise: { failed: 0, complete: true } });
    // Every file of kernels has cases that would verify it, and so have programs.
    expect(Object.entries(verified).filter(([, { cases }]) => cases === 0)).toEqual([]);
    // An emulator verifies nothing on a device.
    expect(Object.values(verified).some(entry => entry.verified)).toBe(false);
  },
  patience,
);

testHere('a library that is none is told', async () => {
  const { code, output } = await check('--library', path.join(root, 'package.json'));
  expect(code).toBe(1);
  expect(output).toMatch(/no library: .*package\.json is no library of hebb/);
});

interface Failure {
  readonly case: string;
  readonly problems: readonly string[];
}

testHere(
  'a program that fails is named, with what is wrong; those behind it still run',
  async () => {
    const file = recorded(
      { entry: 'right' },
      { entry: 'far', after: [2, 4, 6 + 2 ** -20, 8] },
      { entry: 'near', after: [2, 4, 6 + 2 ** -20, 8], units: 2 },
      { entry: 'refused', body: '  what.f32 %f0, %f1;\n' },
      { entry: 'endless', body: 'L2:\n  bra L2;\n' },
      { entry: 'silent', body: '  ld.global.f32 %f0, [%l1];\n' },
      {
        entry: 'stray',
        body: '  ld.global.f32 %f0, [%l1];\n  add.rn.f32 %f1, %f0, %f0;\n  st.global.f32 [%l1+32], %f1;\n',
      },
      { entry: 'last' },
    );
    const { code, output } = await check('--only', 'programs', '--programs', file);
    expect(code).toBe(1);
    expect(output).toMatch(/far of four floats: output 0: 1 of 4 f32, by up to 2 units > 0; 6\.0 != 6\.0/);
    const { status, value } = result().phases.programs as Phase;
    expect(status).toBe('FAILED in programs');
    const { passed, complete, failures } = value as {
      passed: number;
      complete: boolean;
      failures: Failure[];
    };
    expect([passed, complete]).toEqual([3, true]);
    const told = Object.fromEntries(failures.map(({ case: name, problems }) => [name, problems.join('; ')]));
    expect(Object.keys(told).map(name => name.split(' ')[0])).toEqual([
      'far',
      'refused',
      'endless',
      'silent',
      'stray',
    ]);
    expect(told['refused of four floats']).toMatch(/LoadError: does not load: .* \(218\)/);
    expect(told['endless of four floats']).toMatch(/ended its process; .*takes no end/);
    expect(told['silent of four floats']).toMatch(
      /output 0: 4 of 4 f32.*run 2.* gives other bits than run 1/,
    );
    expect(told['stray of four floats']).toMatch(/bytes that are no output's were written/);
  },
  patience,
);

testHere(
  'a file that is no recording, or ends too early, fails',
  async () => {
    const other = await check('--only', 'programs', '--programs', path.join(root, 'package.json'));
    expect(other.code).toBe(1);
    expect(other.output).toMatch(/programs: FAILED: .*package\.json is no recording of programs/);
    const file = recorded({ entry: 'right' }, { entry: 'cut' });
    truncateSync(file, statSync(file).size - 1);
    const { code, output } = await check('--only', 'programs', '--programs', file);
    expect(code).toBe(1);
    expect(output).toMatch(/programs\.rec ends too early/);
  },
  patience,
);

const tests = ['build-tests', 'build-plain']
  .map(tree => path.join(root, tree, 'hebb_tests'))
  .find(existsSync);
if (tests === undefined)
  process.stderr.write('gpu-check: skipped what hebb_tests records: it is not built\n');

(tests === undefined ? test.skip : testHere)(
  'what hebb_tests records passes on the emulator',
  async () => {
    const file = path.join(folder, 'recorded.rec');
    const { status, stdout } = spawnSync(tests as string, ['--record', file, 'ptx_o'], { encoding: 'utf8' });
    expect([status, stdout]).toEqual([0, expect.stringMatching(/recorded \d+ kernels, \d+ commands/)]);
    const { code, output } = await check('--only', 'programs', '--programs', file);
    expect([code, code === 0 ? '' : output]).toEqual([0, '']);
    expect(output).toMatch(/programs +[1-9]\d* passed +0 failed/);
  },
  patience,
);
