// Fails when an object file for a newer instruction set defines a symbol that the linker may share with other files:
// an inline function kept from there would run, say, AVX-512 code on a machine without it. `check-isa.mjs [build]`.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { root, run } from './process.mjs';

// The first set of a processor is its baseline, which every machine can run.
const newer = { x64: ['avx2', 'avx512'], arm64: [] }[process.arch] ?? [];
const build = path.resolve(root, process.argv[2] ?? 'build');

function objects(isa) {
  const folder = path.join(build, 'CMakeFiles', `hebb_kernels_${isa}.dir`);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter(name => name.endsWith('.o'))
    .map(name => path.join(folder, name));
}

for (const isa of newer) {
  const files = objects(isa);
  if (files.length === 0) {
    console.log(`check-isa: no object file for ${isa} under ${build}; build the addon first`);
    process.exitCode = 1;
  }
  for (const file of files) {
    const { code, output } = await run('nm', ['--demangle', '--defined-only', file]);
    // W, V: weak code and data; u: one instance in the process.
    const shared = output.split('\n').filter(line => / [WVu] /.test(line));
    for (const line of shared)
      console.log(`${isa} ${path.basename(file, '.cpp.o')}: shared symbol ${line.slice(17)}`);
    if (code !== 0) console.log(output);
    if (code !== 0 || shared.length > 0) process.exitCode = 1;
  }
  console.log(`${isa}: ${files.length} object files`);
}
