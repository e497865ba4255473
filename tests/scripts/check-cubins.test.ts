// The check of the CUDA library's machine code: its reader of ELF files, what it learns of an architecture,
// names, promises and the record of resources; and, where nvcc is there, kernels that keep their promises and
// kernels that do not.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { bytes, call, map } from './script-module';
import { runScript, withTree } from './source-tree';
import type { ScriptResult } from './source-tree';

interface Section {
  readonly name: string;
  readonly data: Buffer;
  readonly type?: number;
  readonly link?: number;
}

/** An ELF file of these sections, the last being the names of all. */
function elf(sections: readonly Section[]): Buffer {
  const names = ['', ...sections.map(({ name }) => name), '.shstrtab'];
  const text = Buffer.from(names.map(name => `${name}\0`).join(''), 'latin1');
  const all = [
    { data: Buffer.alloc(0), type: 0, link: 0 },
    ...sections,
    { data: text, type: 3, link: 0 },
  ] as const;
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46);
  header.set([2, 1], 4);
  const table = Buffer.alloc(64 * all.length);
  let offset = 64;
  let nameAt = 0;
  for (const [i, { data, type = 1, link = 0 }] of all.entries()) {
    table.writeUInt32LE(nameAt, 64 * i);
    table.writeUInt32LE(type, 64 * i + 4);
    table.writeBigUInt64LE(BigInt(offset), 64 * i + 24);
    table.writeBigUInt64LE(BigInt(data.length), 64 * i + 32);
    table.writeUInt32LE(link, 64 * i + 40);
    offset += data.length;
    nameAt += (names[i] ?? '').length + 1;
  }
  header.writeBigUInt64LE(BigInt(offset), 40);
  for (const [at, value] of [
    [58, 64],
    [60, all.length],
    [62, all.length - 1],
  ] as const)
    header.writeUInt16LE(value, at);
  return Buffer.concat([header, ...all.map(({ data }) => data), table]);
}

/** One instruction: sixteen bytes with its opcode and width, and noise in all other bits. */
function instruction(opcode: number, width = 0): Buffer {
  const code = Buffer.alloc(16, 0xff);
  code.writeUInt16LE(0xfe00 | opcode);
  code[9] = 0xf1 | (width << 1);
  return code;
}

test('sections and symbols of an ELF file', () => {
  const symbols = Buffer.alloc(48);
  symbols.writeUInt32LE(1, 24);
  symbols.set([0x12, 0, 3, 0], 28);
  const file = elf([
    { name: '.text.add', data: Buffer.from([1, 2, 3]) },
    { name: '.strtab', data: Buffer.from('\0add\0'), type: 3 },
    { name: '.symtab', data: symbols, type: 2, link: 2 },
  ]);
  const sections = call<{ name: string; size: number }[]>('cubins/elf.mjs', 'sectionsOf', bytes(file));
  expect(sections.map(({ name, size }) => [name, size]).slice(1, 4)).toEqual([
    ['.text.add', 3],
    ['.strtab', 5],
    ['.symtab', 48],
  ]);
  expect(call('cubins/kernels.mjs', 'codeOfKernels', bytes(file))).toMatchObject([
    ['add', { data: [1, 2, 3] }],
  ]);
  expect(() => call('cubins/elf.mjs', 'sectionsOf', bytes(Buffer.from('no ELF file')))).toThrow(
    /^elf: no 64-bit ELF file/,
  );
});

test('instructions are counted by opcode and width', () => {
  const code = Buffer.concat([instruction(0x181, 6), instruction(0x181, 4), instruction(0x181, 6)]);
  expect(call('cubins/sass.mjs', 'histogram', bytes(code))).toEqual([
    ['385:6', 2],
    ['385:4', 1],
  ]);
});

type Probe = readonly [name: string, bits: number | null];

/** The opcode of an architecture that never was, and how it writes widths. */
const opcodeOf = (name: string): number => 7 + 3 * [...name].reduce((sum, x) => sum * 5 + x.charCodeAt(0), 0);
const widthOf = (bits: number | null): number => (bits === null ? 7 : 6 - Math.log2(bits / 8));

function kernels(times: number, which: string, skip = ''): (readonly [string, unknown])[] {
  const probes = call<Probe[]>('cubins/calibration.mjs', 'probes');
  return probes.map(([name, bits], i) => {
    const own = instruction(opcodeOf(name) & 0x1ff, widthOf(bits));
    const count = name === skip ? 1 : times;
    return [`${which}_${i}`, bytes(Buffer.concat([instruction(1), ...Array<Buffer>(count).fill(own)]))];
  });
}

test('opcodes and widths are learnt from what an instruction more adds', () => {
  const code = [...kernels(1, 'few'), ...kernels(9, 'many')];
  const { opcodes, meaning } = call<{ opcodes: Record<string, number>; meaning: Record<string, number> }>(
    'cubins/calibration.mjs',
    'learn',
    map(code),
    '42',
  );
  expect(opcodes.LDG).toBe(opcodeOf('LDG') & 0x1ff);
  expect(meaning).toEqual({ 6: 8, 5: 16, 4: 32, 3: 64, 2: 128 });
  const silent = [...kernels(1, 'few'), ...kernels(9, 'many', 'FFMA')];
  expect(() => call('cubins/calibration.mjs', 'learn', map(silent), '42')).toThrow(
    /sm_42 FFMA is 0 opcodes, not one/,
  );
});

test('names of kernels are short, and the same in every build', () => {
  const symbol = '_ZN4hebb7kernels4cuda39_GLOBAL__N__96dd0b97_7_copy_cu_a1c520d89transposeImEEv';
  const signature =
    'void hebb::kernels::cuda::(anonymous namespace)::tile<float, hebb::A<1, 2>, ' +
    '(hebb::kernels::cuda::(anonymous namespace)::Layout)1>(hebb::kernels::P, long)';
  const name = call('cubins/names.mjs', 'shortName', symbol, signature);
  expect(name).toEqual({ family: 'copy', name: 'tile', arguments: ['float', 'A<1, 2>', '(Layout)1'] });
  expect(call('cubins/names.mjs', 'written', name)).toBe('copy: tile<float, A<1, 2>, (Layout)1>');
});

test('a broken promise is told in words', () => {
  const counts = { 'LDG.128': 0, 'STG.128': 2, 'LDS.128': 0, FFMA: 3, DFMA: 0, LDL: 1, STL: 2 };
  const facts = { counts, local: 16, helpers: ['div_u64', 'rcp_rn_f32_slowpath'], registers: 40 };
  const verdict = (promise: object): unknown => call('cubins/verdicts.mjs', 'problemsOf', facts, promise);
  expect(verdict({ loads: 1, stores: 2, ffma: { most: 2 }, dfma: { most: 0 } })).toEqual([
    '0 loads of 128 bits, 1 promised',
    '3 FFMA, at most 2 promised',
    '3 accesses to local memory (16 bytes)',
    'divisions by 64 bits: div_u64',
  ]);
  expect(verdict({ ffma: 4 })).toContain('3 FFMA, 4 promised');
  expect(verdict({ stores: 2, ffma: 3, divides: true, local: 'reason' })).toEqual([]);
});

test('resources are held against their record, of the same compiler', () => {
  const kernel = (full: string, registers: number): object => ({ full, registers, shared: 64, local: 0 });
  const before = map([
    ['75', [kernel('copy: a', 30), kernel('copy: b', 31)]],
    ['90a', [kernel('copy: a', 32)]],
  ]);
  const text = call<string>('cubins/resources.mjs', 'recorded', before, '13.0.88');
  expect(text).toBe(
    '# nvcc 13.0.88; registers/shared/local for sm_75 sm_90a sm_120\n' +
      'copy: a | 30/64/0 32/64/0 -\ncopy: b | 31/64/0 - -\n',
  );
  const differences = (facts: unknown, release: string, whole: boolean): unknown =>
    call('cubins/resources.mjs', 'differences', facts, release, text, whole);
  expect(differences(before, '13.0.88', true)).toEqual({ skipped: null, problems: [] });
  const after = map([['75', [kernel('copy: a', 33), kernel('copy: c', 8)]]]);
  const changed = ['sm_75 copy: a: took 30/64/0, takes 33/64/0', 'copy: c: not recorded, takes 8/64/0 - -'];
  expect(differences(after, '13.0.88', false)).toEqual({ skipped: null, problems: changed });
  const gone = 'copy: b: recorded, but no such kernel';
  expect(differences(after, '13.0.88', true)).toEqual({ skipped: null, problems: [...changed, gone] });
  expect(differences(after, '13.1.2', true)).toEqual({
    skipped: 'resources recorded with nvcc 13.0.88, compiled with 13.1.2',
    problems: [],
  });
});

/** move_range of copy.cu by words of a type, and other kernels beside it. */
const source = (word: string, others = ''): string => `
namespace hebb::kernels::cuda {
namespace {
struct alignas(16) Sixteen { unsigned x[4]; };
static __global__ void move_range(long count, ${word}* to, const ${word}* from) {
  for (long i = threadIdx.x; i < count; i += 128) to[i] = from[i];
}
${others}
}
void use(long count, void* to, const void* from) {
  move_range<<<1, 128>>>(count, static_cast<${word}*>(to), static_cast<const ${word}*>(from));
  ${others === '' ? '' : 'unheard_of<<<1, 1>>>(static_cast<float*>(to), 7);'}
}
}
`;

function check(text: string, ...options: string[]): ScriptResult {
  return withTree({ 'copy.cu': text }, folder => {
    const [from, to] = [path.join(folder, 'copy.cu'), path.join(folder, 'copy.o')];
    const target = ['-gencode', 'arch=compute_90a,code=sm_90a', '-Xfatbin=-compress-all'];
    const { status, stderr } = spawnSync('nvcc', [...target, '-c', from, '-o', to], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    return runScript('check-cubins.mjs', [to, ...options]);
  });
}

const missing = ['nvcc', 'ptxas', 'c++filt'].find(name => spawnSync(name, ['--version']).error !== undefined);
if (missing !== undefined) process.stderr.write(`check-cubins: skipped machine code: no ${missing}\n`);
const testCode = missing === undefined ? test : test.skip;

testCode(
  'kernels with wide words keep what move_range promises, kernels with narrow ones do not',
  () => {
    const wide = check(source('Sixteen')).output;
    expect(wide).toMatch(/check-cubins: 1 kernels for 90a, nvcc \d+\.\d+\.\d+/);
    expect(wide).not.toContain('promised');
    const narrow = check(source('unsigned'));
    expect(narrow.output).toContain('sm_90a copy: move_range: 0 loads of 128 bits, 1 promised');
    expect(narrow.code).toBe(1);
  },
  120_000,
);

testCode(
  'a kernel that the table does not know is an error',
  () => {
    const other = `static __global__ void unheard_of(float* x, int k) {
  float kept[64];
  for (int i = 0; i < 64; ++i) kept[i * k % 64] = x[i];
  for (int i = 0; i < 64; ++i) x[i] = kept[(i ^ k) % 64];
}`;
    const { code, output } = check(source('Sixteen', other));
    expect(output).toContain('copy: unheard_of: says nowhere what it promises: scripts/cubins/promises.mjs');
    expect(code).toBe(1);
    const listed = check(source('Sixteen', other), '--list', '90a');
    expect(listed.output).toMatch(
      /^copy: unheard_of: \d+ registers, 0 shared, 256 local, .*STL \d+, LDL \d+/m,
    );
    expect(listed.output).toMatch(/^copy: move_range: .*STG\.128 \d+/m);
  },
  120_000,
);

test('without a library it says so', () => {
  const { code, output } = runScript('check-cubins.mjs', ['/nowhere/libhebb_cuda.so']);
  expect([code, output]).toEqual([
    1,
    'check-cubins: /nowhere/libhebb_cuda.so is not there; build the CUDA library first\n',
  ]);
});
