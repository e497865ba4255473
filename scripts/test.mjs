// Everything that must hold before a change is shared, from a fresh clone on; needs nothing but Node. HEBB_CUDA=ON in the
// environment adds what needs nvcc or minutes: the CUDA library for all architectures, a look at its machine code, and mutations
// of its kernels.
// `--quick`: the addon and a subset of Jest. `--check`: no tests, only lint, types, rooms and generated files.
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { buildCuda, buildNative, buildTree, buildTs } from './build.mjs';
import { installDependencies } from './dependencies.mjs';
import { root, run, runNode, runTool } from './process.mjs';

const mode = process.argv.includes('--quick') ? 'quick' : process.argv.includes('--check') ? 'check' : 'full';
const testTree = 'build-tests';

/** The generated files and their contents, to see whether `gen` changes them. */
function generatedFiles() {
  const sources = existsSync(path.join(root, 'ts'))
    ? readdirSync(path.join(root, 'ts'), { recursive: true })
    : [];
  const names = [
    ...sources.filter(name => name.endsWith('.gen.ts')).map(name => `ts/${name}`),
    'docs/ops.md',
  ];
  const present = names.filter(name => existsSync(path.join(root, name)));
  return new Map(present.map(name => [name, readFileSync(path.join(root, name), 'utf8')]));
}

async function generatedFresh() {
  const before = generatedFiles();
  const result = await runNode('scripts/gen.mjs');
  if (result.code !== 0) return result;
  const after = generatedFiles();
  const stale = [...after].filter(([name, text]) => before.get(name) !== text).map(([name]) => name);
  if (stale.length === 0 && after.size > 0) return result;
  const why =
    after.size === 0 ? 'gen wrote nothing' : `stale: ${stale.join(', ')}; gen has renewed them, commit them`;
  return { code: 1, output: `${result.output}${why}\n` };
}

async function buildCppTests() {
  const options = ['-DCMAKE_BUILD_TYPE=Release', '-DHEBB_TESTS=ON', '-DHEBB_SANITIZE=ON', '-DHEBB_WERROR=ON'];
  const configured = await run('cmake', ['-S', '.', '-B', testTree, ...options]);
  if (configured.code !== 0) return configured;
  return buildTree(testTree);
}

/** A result with the counts of the last line of its output, `N passed, N failed`, where it ends with one. */
function counted(result) {
  const counts = /^(\d+) passed, (\d+) failed$/m.exec(result.output);
  return counts ? { ...result, passed: Number(counts[1]), failed: Number(counts[2]) } : result;
}

async function runMutations() {
  return counted(await runNode('scripts/check-mutations.mjs', [testTree]));
}

async function runCppTests() {
  const env = {
    ASAN_OPTIONS: 'detect_leaks=1:detect_stack_use_after_return=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
  return counted(await run(path.join(root, testTree, 'hebb_tests'), [], { env }));
}

/** The tests of the CUDA kernels once more, with every access of theirs checked; in a program without other sanitizers. */
async function runRaces() {
  if (process.arch !== 'x64') return { code: 0, output: 'skipped: the CUDA emulator runs on x64 alone\n' };
  const built = await buildTree(testTree, { target: 'hebb_races' });
  if (built.code !== 0) return built;
  return counted(await run(path.join(root, testTree, 'hebb_races'), []));
}

async function runJest() {
  const report = path.join(root, 'out', 'jest.json');
  mkdirSync(path.dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const slow = ['--testPathIgnorePatterns', 'tests/learn/', 'tests/scripts/', '\\.slow\\.test\\.ts$'];
  const options = ['--json', '--outputFile', report, ...(mode === 'quick' ? slow : [])];
  const result = await runTool('jest', options, { stream: true });
  if (!existsSync(report)) return result;
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(report, 'utf8'));
  return { ...result, passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests };
}

const prepare = [
  ['dependencies', installDependencies],
  ['native build', () => buildNative({ werror: mode !== 'quick', emulator: true })],
];
const checks = [
  ['generated files', generatedFresh],
  ['rooms', () => runNode('scripts/check-rooms.mjs')],
  ['lines', () => runNode('scripts/lines.mjs')],
  ['lint', () => runNode('scripts/lint.mjs')],
  ['types', () => runTool('tsc', ['--noEmit', '-p', 'tsconfig.test.json'])],
];
const full = [
  ['typescript build', buildTs],
  ['instruction sets', () => runNode('scripts/check-isa.mjs')],
  ['c++ build (asan, ubsan)', buildCppTests],
  ['c++ tests', runCppTests],
  ['races', runRaces],
];
const cuda = [
  ['cuda library', buildCuda],
  ['cubins', () => runNode('scripts/check-cubins.mjs')],
  ['cuda mutations', runMutations],
];
const phases = {
  quick: [...prepare, ['jest (quick)', runJest]],
  check: [...prepare, ...checks],
  full: [...prepare, ...checks, ...full, ...(process.env.HEBB_CUDA === 'ON' ? cuda : []), ['jest', runJest]],
}[mode];

/** Runs the phases up to the first that fails; a phase counts as one check beside the tests it ran. */
async function main() {
  const total = { passed: 0, failed: 0, skipped: 0 };
  const began = Date.now();
  for (const [name, phase] of phases) {
    const start = Date.now();
    console.log(`-- ${name}`);
    const { code, output, passed = 0, failed = 0, skipped = 0 } = await phase();
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    const tests = passed + failed > 0 ? `, ${passed} tests passed, ${failed} failed, ${skipped} skipped` : '';
    const notes = output.split('\n').filter(line => /\bskipped:|^warn/.test(line));
    console.log(
      `${code === 0 ? notes.map(line => `   ${line}\n`).join('') : output}   ${code === 0 ? 'ok' : 'FAILED'} in ${seconds} s${tests}`,
    );
    total.passed += passed + (code === 0 ? 1 : 0);
    total.failed += failed + (code !== 0 && failed === 0 ? 1 : 0);
    total.skipped += skipped;
    if (code !== 0) break;
  }
  console.log(`\n${((Date.now() - began) / 1000).toFixed(1)} s in all, ${total.skipped} skipped`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  return total.failed === 0 ? 0 : 1;
}

process.exitCode = await main();
