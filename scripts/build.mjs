// Builds the addon (CMake, incremental) and the TypeScript layer: `build.mjs [native|ts] [--werror]`.
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { isMain, root, run, runNode, runTool } from './process.mjs';
import { installCommand, missingPackages } from './toolchain.mjs';

/** What the tree is configured with; null where it is not. */
function cachedOptions() {
  try {
    const cache = readFileSync(path.join(root, 'build/CMakeCache.txt'), 'utf8');
    const isOn = name => new RegExp(`^${name}:BOOL=ON$`, 'm').test(cache);
    return { werror: isOn('HEBB_WERROR'), emulator: isOn('HEBB_CUDA_EMULATOR') };
  } catch {
    return null;
  }
}

/** Brings the targets of a configured tree up to date, all of them unless one is named. */
export function buildTree(tree, { target, stream = false } = {}) {
  const named = target === undefined ? [] : ['--target', target];
  return run('cmake', ['--build', tree, ...named, '--parallel', String(availableParallelism())], { stream });
}

const word = flag => (flag ? 'ON' : 'OFF');

/**
 * Brings build/Release/hebb.node up to date, with `emulator` also the library that runs CUDA kernels on the CPU. A tree
 * already configured keeps what it has besides.
 */
export async function buildNative({ werror = false, emulator = false, stream = false } = {}) {
  const missing = missingPackages();
  if (missing.length > 0) {
    const output = `build: ${missing.join(', ')} not found; run: ${installCommand(missing)}\n`;
    return { code: 1, output };
  }
  const cached = cachedOptions();
  if (cached === null || (werror && !cached.werror) || (emulator && !cached.emulator)) {
    const settings = [
      `--CDHEBB_WERROR=${word(werror || cached?.werror)}`,
      `--CDHEBB_CUDA_EMULATOR=${word(emulator || cached?.emulator)}`,
    ];
    const configured = await runTool('cmake-js', ['configure', ...settings], { stream });
    if (configured.code !== 0) return configured;
  }
  const built = await buildTree('build', { stream });
  if (built.code !== 0) return built;
  const binaries = readdirSync(path.join(root, 'build/Release')).filter(name => name.endsWith('.node'));
  if (binaries.join() === 'hebb.node') return built;
  // node-gyp-build and prebuildify take the first file they see.
  const output = `build: build/Release holds ${binaries.join(', ') || 'no .node file'}; it must hold hebb.node alone\n`;
  return { code: 1, output };
}

// What ptxas says of code that it had to make slower: information only, and easily overlooked.
const slowNote = /^.*\bC75\d\d\b.*$/gm;

/** Where buildCuda() leaves the CUDA library, from the root. */
export const cudaLibrary = 'build-cuda/csrc/library/libhebb_cuda.so';

/** Makes the CUDA library for every architecture; needs nvcc 13, and minutes. */
export async function buildCuda() {
  const configured = await run('cmake', ['-S', '.', '-B', 'build-cuda', '-DHEBB_CUDA=ON']);
  if (configured.code !== 0) return configured;
  const built = await buildTree('build-cuda', { target: 'hebb_cuda' });
  const notes = built.output.match(slowNote) ?? [];
  if (built.code !== 0 || notes.length === 0) return built;
  return { code: 1, output: `${notes.join('\n')}\nbuild: ptxas made kernels slower; see above\n` };
}

/** Compiles ts/ into dist/cjs and writes the ESM facade over it; the addon must be there. */
export async function buildTs() {
  rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  const compiled = await runTool('tsc', ['-p', 'tsconfig.json']);
  return compiled.code === 0 ? runNode('scripts/esm-facade.mjs') : compiled;
}

async function main() {
  const what = process.argv.slice(2).filter(word => !word.startsWith('--'));
  const known = what.every(word => word === 'native' || word === 'ts');
  if (!known) {
    console.error(`build: unknown part ${what.join(' ')}; use native, ts or nothing for both`);
    return 2;
  }
  const werror = process.argv.includes('--werror');
  let result = { code: 0, output: '' };
  if (what.length === 0 || what.includes('native')) result = await buildNative({ werror, stream: true });
  if (result.code === 0 && (what.length === 0 || what.includes('ts'))) result = await buildTs();
  process.stdout.write(result.output);
  return result.code;
}

if (isMain(import.meta.url)) process.exitCode = await main();
