// hebb tune, from its arguments to its exit code.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programPath } from '../reliability/run-program';
import { runCli } from './run-train';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hebb-cli-tune-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tune = (...args: readonly string[]): ReturnType<typeof runCli> =>
  runCli(['tune', ...args], { cwd: folder });
const digest = (stdout: string): string | undefined => /^[0-9a-f]{64}$/m.exec(stdout)?.[0];

test('runs the script with its arguments, keeps what was chosen and tells of it', async () => {
  const script = programPath('tuned-conv');
  const first = await tune('--', script);
  expect([first.code, first.stderr]).toEqual([0, '']);
  const file = join(folder, 'hebb-tune.json');
  expect(first.stdout).toMatch(/^command +chosen +ms$/m);
  expect(first.stdout).toMatch(
    /^conv2d f32\[8, 8, 8, 32\]; .* (direct|winograd) +direct [\d.e-]+, winograd [\d.e-]+(, tiles [\d.e-]+)?$/m,
  );
  expect(first.stdout).toContain(`${file}: 1 measured now, 0 were there`);
  const content = readFileSync(file, 'utf8');
  const second = await tune('--table', file, '--', script);
  expect(second.stdout).toContain(`${file}: 0 measured now, 1 were there`);
  expect(second.stdout).not.toContain('command');
  expect(readFileSync(file, 'utf8')).toBe(content);
  // A step that names its table takes that one.
  const third = await tune('--table', 'other.json', '--', script, file);
  expect(third.stdout).toContain('other.json: 0 measured now, 0 were there');
  const digests = [first, second, third].map(({ stdout }) => digest(stdout));
  expect(digests).toEqual(Array(3).fill(digests[0]));
  expect(digests[0]).toBeDefined();
});

test('ends as the script does', async () => {
  const script = join(folder, 'ends.cjs');
  writeFileSync(script, 'process.exitCode = Number(process.argv[2]);');
  expect((await tune('--', script, '3')).code).toBe(3);
  writeFileSync(script, 'process.kill(process.pid, "SIGKILL");');
  expect((await tune('--', script)).code).toBe(137);
});

test('refuses what it does not understand', async () => {
  const cases: [string[], RegExp][] = [
    [[], /^tune: got no script; give it behind --$/m],
    [['--tabel', 'x', '--', 'script.cjs'], /^tune: --tabel x is not understood; see hebb tune --help$/m],
    [['--table', '', '--', 'script.cjs'], /^tune: --table is empty; give a path$/m],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await tune(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  }
  const help = await tune('--help');
  expect([help.code, help.stdout]).toEqual([
    0,
    expect.stringContaining('hebb tune [--table FILE] -- SCRIPT'),
  ]);
});
