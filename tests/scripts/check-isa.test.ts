// The instruction-set check refuses an object file that keeps a shared copy of an inline function.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { runScript, withTree } from './source-tree';
import type { ScriptResult } from './source-tree';

const local = 'static int twice(int x) { return 2 * x; }\nint four() { return twice(2); }\n';
const shared =
  '[[gnu::noinline]] inline int twice(int x) { return 2 * x; }\nint four() { return twice(2); }\n';

/** Compiles the source as the AVX-512 kernels of a build folder, beside an orderly AVX2 one, and checks the folder. */
function check(source: string): ScriptResult {
  return withTree({ 'kernel.cpp': source, 'orderly.cpp': local }, folder => {
    for (const [isa, file] of [
      ['avx2', 'orderly.cpp'],
      ['avx512', 'kernel.cpp'],
    ] as const) {
      const objects = path.join(folder, 'CMakeFiles', `hebb_kernels_${isa}.dir`);
      mkdirSync(objects, { recursive: true });
      const args = ['-c', path.join(folder, file), '-o', path.join(objects, `${file}.o`)];
      expect(spawnSync('c++', args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    }
    return runScript('check-isa.mjs', [folder]);
  });
}

// Other processors have one instruction set, so nothing to mix.
const testX64 = process.arch === 'x64' ? test : test.skip;

testX64('local functions pass', () => {
  expect(check(local)).toEqual({ code: 0, output: 'avx2: 1 object files\navx512: 1 object files\n' });
});

testX64('an inline function kept out of line is refused by name', () => {
  const { code, output } = check(shared);
  expect(output).toContain('avx512 kernel: shared symbol W twice(int)');
  expect(code).toBe(1);
});

testX64('a folder without objects is an error', () => {
  const { code, output } = withTree({ 'a.txt': '' }, folder => runScript('check-isa.mjs', [folder]));
  expect(output).toContain('no object file for avx2');
  expect(code).toBe(1);
});
