// Looks at the machine code of the CUDA library: what each kernel promises in cubins/promises.mjs, and what
// it takes by the record in cubins/resources.txt. `check-cubins.mjs [FILE] [--update] [--list ARCH]`: a library
// or an object file instead of the library of build-cuda; renew the record; print what an architecture has.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { factsOf } from './cubins/facts.mjs';
import { promises } from './cubins/promises.mjs';
import { differences, missingTargets, recorded } from './cubins/resources.mjs';
import { idlePromises, problemsOfAll } from './cubins/verdicts.mjs';
import { root } from './process.mjs';

const record = path.join(root, 'scripts/cubins/resources.txt');
const mostLines = 60;

function printAll(problems) {
  for (const problem of problems.slice(0, mostLines)) console.log(problem);
  if (problems.length > mostLines) console.log(`and ${problems.length - mostLines} more`);
}

function list(facts, arch) {
  for (const { full, registers, shared, local, instructions, counts, helpers } of facts.get(arch) ?? []) {
    const there = Object.entries(counts).filter(([, count]) => count > 0);
    const code = there.map(([name, count]) => `${name} ${count}`).join(', ');
    const taken = `${registers} registers, ${shared} shared, ${local} local, ${instructions} instructions`;
    console.log(`${full}: ${taken}; ${code}${helpers.length > 0 ? `; calls ${helpers.join(', ')}` : ''}`);
  }
}

function checkResources(facts, release, whole) {
  const { skipped, problems } = differences(facts, release, readFileSync(record, 'utf8'), whole);
  if (skipped !== null) console.log(`skipped: ${skipped}`);
  printAll(problems);
  if (problems.length > 0)
    console.log(
      'check-cubins: kernels take more or less; if that is right: npm run check:cubins -- --update',
    );
  return problems.length;
}

function main() {
  const options = { update: { type: 'boolean' }, list: { type: 'string' } };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const whole = positionals.length === 0;
  const file = positionals[0] ?? path.join(root, 'build-cuda/csrc/library/libhebb_cuda.so');
  if (!existsSync(file)) {
    console.log(`check-cubins: ${file} is not there; build the CUDA library first`);
    return 1;
  }
  if (values.update && !whole) {
    console.log('check-cubins: --update takes the whole library, not one file of it');
    return 1;
  }
  const { facts, release } = factsOf(readFileSync(file));
  if (values.list !== undefined) {
    list(facts, values.list);
    return 0;
  }
  const missing = whole ? missingTargets(facts).map(target => `no code for sm_${target} in ${file}`) : [];
  const broken = [
    ...missing,
    ...(whole ? idlePromises(facts, promises) : []),
    ...problemsOfAll(facts, promises),
  ];
  printAll(broken);
  if (values.update) writeFileSync(record, recorded(facts, release));
  const changed = values.update ? 0 : checkResources(facts, release, whole);
  const count = [...facts.values()].reduce((sum, kernels) => sum + kernels.length, 0);
  console.log(`check-cubins: ${count} kernels for ${[...facts.keys()].join(', ')}, nvcc ${release}`);
  return broken.length + changed > 0 ? 1 : 0;
}

try {
  process.exitCode = main();
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
