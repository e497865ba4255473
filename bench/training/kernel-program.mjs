// The programs that measure kernels without Node: where they lie, how they are built, what they know of the machine.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root, run } from '../../scripts/process.mjs';
import { findProgram, installCommand, missingPackages } from '../../scripts/toolchain.mjs';

const build = path.join(root, 'build', 'bench');

export const kernelProgram = name => path.join(build, name);

/** The options that each has, and what it measures: `[--json FILE] [--isa NAME] [--threads N] [--seconds S] [..]`. */
export function parseKernelOptions(options, seconds) {
  const text = { type: 'string' };
  return parseArgs({
    args: options,
    allowPositionals: true,
    options: { json: text, isa: text, threads: text, seconds: { ...text, default: seconds } },
  });
}

/** Null, or why it could not be built. */
export async function buildKernelProgram(name) {
  const missing = missingPackages();
  if (missing.length > 0) return `${missing.join(', ')} not found; run: ${installCommand(missing)}`;
  const launcher = findProgram('ccache') ? ['-DCMAKE_CXX_COMPILER_LAUNCHER=ccache'] : [];
  const settings = ['-DCMAKE_BUILD_TYPE=Release', '-DHEBB_BENCH=ON', ...launcher];
  const configured = await run('cmake', ['-S', root, '-B', build, ...settings]);
  if (configured.code !== 0) return configured.output;
  const jobs = String(Math.min(2, availableParallelism()));
  const built = await run('cmake', ['--build', build, '--target', name, '--parallel', jobs]);
  return built.code === 0 ? null : built.output;
}

/** The instruction sets of this machine, as a program names them in its usage line; the highest first. */
export async function machineIsas(name) {
  const { output } = await run(kernelProgram(name), []);
  const list = /instruction sets here: (.*)/.exec(output)?.[1] ?? '';
  return list
    .split(',')
    .map(word => word.trim())
    .filter(word => word !== '')
    .reverse();
}
