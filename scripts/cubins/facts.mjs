// What a library's kernels are in machine code: one record for each kernel and architecture.
import { calibrate } from './calibration.mjs';
import { imagesOf, releaseOf } from './fatbin.mjs';
import { kernelsOf } from './kernels.mjs';
import { shortNames, written } from './names.mjs';
import { byOpcode, histogram } from './sass.mjs';

const widest = 128;

/** How often a kernel has each instruction that calibration knows, and those of 128 bits. */
function countsOf(code, { opcodes, meaning }) {
  const all = histogram(code);
  const sums = byOpcode(all);
  const wide = Object.keys(meaning).find(number => meaning[number] === widest);
  const counts = {};
  for (const [name, opcode] of Object.entries(opcodes)) counts[name] = sums.get(opcode) ?? 0;
  for (const name of ['LDG', 'STG', 'LDS', 'STS'])
    counts[`${name}.${widest}`] = all.get(`${opcodes[name]}:${wide}`) ?? 0;
  return counts;
}

/** Of a library or an object file: facts of its kernels, a list by architecture, and nvcc's release. */
export function factsOf(file) {
  const found = imagesOf(file);
  if (found.length === 0) throw new Error('cubins: the file has no machine code for devices');
  const images = found.map(({ arch, code }) => ({ arch, kernels: kernelsOf(code) }));
  const names = shortNames([
    ...new Set(images.flatMap(({ kernels }) => kernels.map(({ symbol }) => symbol))),
  ]);
  const facts = new Map();
  const learnt = new Map();
  for (const { arch, kernels } of images) {
    if (!learnt.has(arch)) learnt.set(arch, calibrate(arch));
    const list = kernels.map(({ symbol, code, ...resources }) => ({
      ...names.get(symbol),
      full: written(names.get(symbol)),
      arch,
      ...resources,
      instructions: code.length / 16,
      counts: countsOf(code, learnt.get(arch)),
    }));
    facts.set(arch, [...(facts.get(arch) ?? []), ...list]);
  }
  return { facts, release: releaseOf(found[0].code) };
}
