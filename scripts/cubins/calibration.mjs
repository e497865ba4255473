// Learns opcodes and widths of an architecture from kernels that ptxas assembles here: one that has an
// instruction once, one that has it nine times, and what there is eight times more of in the second.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { codeOfKernels } from './kernels.mjs';
import { byOpcode, histogram } from './sass.mjs';
import { findProgram } from '../toolchain.mjs';

// Eight more leave the padding behind the code as it was.
const few = 1;
const many = 9;
const widths = [8, 16, 32, 64, 128];
const element = {
  8: ['u8', '%r1'],
  16: ['u16', '%h1'],
  32: ['u32', '%r1'],
  64: ['u64', '%d1'],
  128: ['v4.u32', '{%r1, %r2, %r3, %r4}'],
};

function stores(name, space, place) {
  return widths.map(bits => {
    const [type, register] = element[bits];
    return [name, bits, () => `st.volatile.${space}.${type} [${place}], ${register};`];
  });
}

/** What is loaded is stored, or ptxas would leave the load out. */
function loads(name, space, place) {
  return widths.map(bits => {
    const [type, register] = element[bits];
    const load = `ld.volatile.${space}.${type} ${register}, [${place}];`;
    return [name, bits, () => `${load} st.volatile.global.${type} [%place], ${register};`];
  });
}

// Name, bits where it has a width, and text by its turn; what a text needs besides is learnt before it.
export const probes = [
  ...stores('STG', 'global', '%place'),
  ...stores('STS', 'shared', 'memory'),
  ...loads('LDG', 'global', '%place'),
  ...loads('LDS', 'shared', 'memory'),
  // At addresses that only the device knows: nothing else keeps them in memory.
  ['STL', null, turn => `st.local.u32 [%write + ${8 * turn}], %r2;`],
  ['LDL', null, turn => `ld.local.u32 %r1, [%read + ${8 * turn}]; st.volatile.global.u32 [%place], %r1;`],
  ['FFMA', null, () => 'fma.rn.f32 %f1, %f1, %f1, %f1;'],
  ['DFMA', null, () => 'fma.rn.f64 %e1, %e1, %e1, %e1;'],
  ['MUFU', null, () => 'ex2.approx.ftz.f32 %f1, %f1;'],
  ['BAR', null, () => 'bar.sync 0;'],
];

function entry(name, text, times) {
  const body = Array.from({ length: times }, (_, turn) => `  ${text(turn)}`).join('\n');
  return `.visible .entry ${name}(.param .u64 pointer) {
  .reg .b16 %h<2>; .reg .b32 %r<5>; .reg .f32 %f<2>; .reg .f64 %e<2>;
  .reg .b64 %d<2>; .reg .b64 %place; .reg .b64 %write; .reg .b64 %read;
  .local .align 16 .b8 frame[1024];
  ld.param.u64 %place, [pointer]; cvta.to.global.u64 %place, %place;
  ld.volatile.global.v4.u32 {%r1, %r2, %r3, %r4}, [%place + 16]; ld.volatile.global.u16 %h1, [%place + 40];
  ld.volatile.global.f32 %f1, [%place + 44]; ld.volatile.global.f64 %e1, [%place + 48];
  mov.u64 %write, frame; ld.volatile.global.u64 %d1, [%place + 56]; add.s64 %write, %write, %d1;
  mov.u64 %read, frame; ld.volatile.global.u64 %d1, [%place + 64]; add.s64 %read, %read, %d1;
  st.local.u32 [%write + 512], %r1;
${body}
  st.volatile.global.v4.u32 [%place + 16], {%r1, %r2, %r3, %r4}; st.volatile.global.u64 [%place + 32], %d1;
  ld.local.u32 %r1, [%read + 512]; st.volatile.global.u32 [%place], %r1;
  st.volatile.global.u16 [%place + 40], %h1; st.volatile.global.f32 [%place + 44], %f1;
  st.volatile.global.f64 [%place + 48], %e1;
  ret;
}
`;
}

/** The text of all probes, for sm_75 and what comes after it. */
function probeText() {
  const entries = probes.flatMap(([, , text], i) => [
    entry(`few_${i}`, text, few),
    entry(`many_${i}`, text, many),
  ]);
  const begin = '.version 8.0\n.target sm_75\n.address_size 64\n.shared .align 16 .b8 memory[64];\n';
  return begin + entries.join('');
}

/** What the second code has eight times more of, but for what is known; it is one thing. */
function gained(before, after, what, known = []) {
  const isMore = ([key, count]) => count - (before.get(key) ?? 0) === many - few && !known.includes(key);
  const more = [...after].filter(isMore);
  if (more.length !== 1) throw new Error(`cubins: calibration: ${what} is ${more.length} opcodes, not one`);
  return more[0][0];
}

/** From the code of each probe: the opcode of each name, and what the numbers for a width mean. */
export function learn(kernels, arch) {
  const opcodes = {};
  const meaning = {};
  for (const [i, [name, bits]] of probes.entries()) {
    const [before, after] = ['few', 'many'].map(times => histogram(kernels.get(`${times}_${i}`)));
    const what = `sm_${arch} ${name}${bits === null ? '' : ` of ${bits} bits`}`;
    const known = Object.keys(opcodes).filter(other => other !== name);
    opcodes[name] = gained(
      byOpcode(before),
      byOpcode(after),
      what,
      known.map(other => opcodes[other]),
    );
    if (bits === null) continue;
    const others = [...after.keys()].filter(key => !key.startsWith(`${opcodes[name]}:`));
    const width = Number(gained(before, after, what, others).split(':')[1]);
    if ((meaning[width] ?? bits) !== bits)
      throw new Error(`cubins: calibration: ${what}: ${width} is ${meaning[width]} bits too`);
    meaning[width] = bits;
  }
  return { opcodes, meaning };
}

/** The opcodes and widths of an architecture, as 75 or 90a. */
export function calibrate(arch) {
  const folder = mkdtempSync(path.join(tmpdir(), 'hebb-cubins-'));
  try {
    const [text, cubin] = ['probes.ptx', 'probes.cubin'].map(name => path.join(folder, name));
    writeFileSync(text, probeText());
    const assembler = findProgram('ptxas') ?? '/usr/local/cuda/bin/ptxas';
    const { status, stderr, error } = spawnSync(assembler, [`-arch=sm_${arch}`, text, '-o', cubin], {
      encoding: 'utf8',
    });
    if (error) throw new Error(`cubins: ptxas, which comes with nvcc, not found: ${error.message}`);
    if (status !== 0) throw new Error(`cubins: ptxas of sm_${arch}: ${stderr}`);
    return learn(codeOfKernels(readFileSync(cubin)), arch);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
