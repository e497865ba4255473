// The matrix on every instruction set of the machine that is not the default one, each in a process of its own.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { isa } from '../../ts/runtime';

const root = join(__dirname, '..', '..');
const order = ['v2', 'avx2', 'avx512', 'amx'];
const lower = order.slice(0, Math.max(order.indexOf(isa()), 0));

/** Runs test files with HEBB_ISA set; gives the exit code and what was printed. */
function runUnder(name: string, pattern: string): Promise<{ code: number; output: string }> {
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const args = [jest, '--silent=false', '--testPathPatterns', pattern];
  return new Promise(resolve => {
    const options = {
      cwd: root,
      env: { ...process.env, HEBB_ISA: name, JEST_WORKER_ID: undefined },
      maxBuffer: 2 ** 26,
    };
    execFile(process.execPath, args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr });
    });
  });
}

test('the default is the best one', () => {
  expect(order.includes(isa()) || isa() === 'neon').toBe(true);
});

const cases: [name: string, what: string, pattern: string][] = lower.map(name => [
  name,
  'forward, gradients, random numbers',
  'tests/ops/(forward|gradients|random|isa-forced)\\.test\\.ts$',
]);
if (order.indexOf(isa()) >= order.indexOf('avx512'))
  cases.push(['amx-emulated', 'precisions', 'tests/(ops/isa-forced|compile/precision)\\.test\\.ts$']);

if (process.env['HEBB_ISA'] === undefined && cases.length > 0) {
  test.each(cases)(
    'HEBB_ISA=%s passes %s',
    async (name, _what, pattern) => {
      const { code, output } = await runUnder(name, pattern);
      if (code !== 0) throw new Error(output.slice(-6000));
      expect(output).toMatch(/Tests: +\d+ passed/);
    },
    200_000,
  );
}
