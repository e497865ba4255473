// Lints everything: eslint, prettier and clang-format; `--fix` repairs what they can repair.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { root, run, runTool } from './process.mjs';
import { findProgram } from './toolchain.mjs';

// Releases of clang-format lay out the same style differently, so one release is the reference.
const clangFormatRelease = '14';
const fix = process.argv.includes('--fix');

function cppFiles() {
  const folders = ['csrc', 'binding', 'tests/csrc'];
  return folders.flatMap(folder =>
    readdirSync(path.join(root, folder), { recursive: true })
      .filter(name => /\.(h|cpp|cu|cuh)$/.test(name))
      .map(name => path.join(folder, name)),
  );
}

async function clangFormat() {
  const program = [`clang-format-${clangFormatRelease}`, 'clang-format'].find(findProgram);
  if (!program) return { code: 0, output: 'skipped: clang-format is not installed\n' };
  const { output } = await run(program, ['--version']);
  const release = /version (\d+)/.exec(output)?.[1];
  if (release !== clangFormatRelease) {
    return {
      code: 0,
      output: `skipped: clang-format is ${release}, the reference is ${clangFormatRelease}\n`,
    };
  }
  return run(program, [...(fix ? ['-i'] : ['--dry-run', '-Werror']), ...cppFiles()]);
}

const steps = [
  ['eslint', () => runTool('eslint', ['--max-warnings', '0', ...(fix ? ['--fix'] : []), '.'])],
  ['prettier', () => runTool('prettier', ['--log-level', 'warn', fix ? '--write' : '--check', '.'])],
  ['clang-format', clangFormat],
];
for (const [name, step] of steps) {
  const { code, output } = await step();
  if (output || code !== 0) process.stdout.write(`${name}: ${output}`);
  if (code !== 0) process.exitCode = 1;
}
