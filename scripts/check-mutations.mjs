// Takes one thing at a time out of the CUDA kernels (a barrier, a bound, a term of an index), compiles them for the emulator and
// demands that the C++ tests fail: `check-mutations.mjs [build] [--only TEXT]`, `build` holding hebb_tests.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { mutations } from './cuda-mutations.mjs';
import { root, run } from './process.mjs';

const words = process.argv.slice(2);
const only = words.includes('--only') ? words[words.indexOf('--only') + 1] : '';
const build = path.resolve(
  root,
  words.find(word => !word.startsWith('--') && word !== only) ?? 'build-tests',
);
const kernels = 'csrc/kernels/cuda';
// Seconds that the tests of one mutation may take.
const limit = 300;

const linkCommand = readFileSync(path.join(build, 'CMakeFiles/hebb_tests.dir/link.txt'), 'utf8').trim();

/** The flags of the tests' own build, as far as they matter: an access beyond a buffer must be seen. */
function compileArguments(source, object, folder) {
  const flags = [
    '-std=c++20',
    '-O1',
    '-fsanitize=address',
    '-DHEBB_ISA=cuda',
    '-ffp-contract=off',
    '-fwrapv',
    '-march=x86-64-v2',
  ];
  return [...flags, `-I${folder}`, `-I${path.join(root, 'csrc')}`, '-x', 'c++', '-c', source, '-o', object];
}

/** The file with the mutation in it, under a folder that stands before csrc/ on the include path. */
function mutated({ file, find, replace }, folder) {
  const source = path.join(root, kernels, file);
  const text = readFileSync(source, 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1)
    throw new Error(`${file}: ${JSON.stringify(find)} is there ${count} times; it must be there once`);
  cpSync(path.join(root, kernels), path.join(folder, 'kernels/cuda'), { recursive: true });
  writeFileSync(
    path.join(folder, 'kernels/cuda', file),
    text.replace(find, () => replace),
  );
}

/** Resolves to what is wrong: '' where the tests failed, as they should. */
async function survives(mutation) {
  const folder = mkdtempSync(path.join(tmpdir(), 'hebb-mutation-'));
  try {
    mutated(mutation, folder);
    const object = path.join(folder, 'kernel.o');
    const source = path.join(folder, 'kernels/cuda', mutation.unit);
    const compiled = await run('g++', compileArguments(source, object, folder));
    if (compiled.code !== 0) return `does not compile:\n${compiled.output}`;
    const own = `CMakeFiles/hebb_cuda_emulated.dir/${kernels}/${mutation.unit}.o`;
    if (!linkCommand.includes(own)) return `the tests are not linked with ${own}`;
    const program = path.join(folder, 'tests');
    const command = linkCommand.replace(own, object).replace(/-o \S+/, `-o ${program}`);
    const linked = await run('sh', ['-c', command], { cwd: build });
    if (linked.code !== 0) return `does not link:\n${linked.output}`;
    const tested = await run('timeout', [String(limit), program, mutation.test]);
    if (tested.code === 124) return `the tests "${mutation.test}" take more than ${limit} s`;
    return tested.code === 0 ? `the tests "${mutation.test}" still pass` : '';
  } catch (error) {
    return error.message;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const chosen = mutations.filter(({ name }) => name.includes(only));
let passed = 0;
let failed = 0;
async function worker(queue) {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const wrong = await survives(next);
    console.log(`${wrong === '' ? 'found   ' : 'SURVIVES'} ${next.name}${wrong === '' ? '' : `: ${wrong}`}`);
    if (wrong === '') passed += 1;
    else failed += 1;
  }
}
const queue = [...chosen];
await Promise.all(Array.from({ length: availableParallelism() }, () => worker(queue)));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && chosen.length > 0 ? 0 : 1;
