// gpu-status hashes the sources of each CUDA kernel family as gpu-check does, and finds the result that verified them.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root, runScript, withTree } from './source-tree';

interface Status {
  readonly family: string;
  readonly hash: string;
  readonly verifiedBy: string | null;
  readonly gpu: string | null;
}

const tree = {
  'csrc/kernels/cuda/add.cu': '#include "kernels/cuda/hw.h"\n#include "stream/command.h"\n',
  'csrc/kernels/cuda/hw.h': '#include "kernels/walk.h"\n#include <cstdint>\n',
  'csrc/kernels/walk.h': '#include "kernels/cuda/hw.h"\n',
  'csrc/kernels/cuda/sum.cu': '#include "kernels/gone.h"\n',
  'csrc/stream/command.h': '\n',
};

function statusOf(files: Record<string, string>): Status[] {
  return withTree(files, folder => {
    const { code, output } = runScript('gpu-status.mjs', ['--json', '--root', folder]);
    expect(code).toBe(0);
    return JSON.parse(output) as Status[];
  });
}
const hashes = (files: Record<string, string>): Record<string, string> =>
  Object.fromEntries(statusOf(files).map(({ family, hash }) => [family, hash]));

test('a family changes with its file and the kernel headers behind it, and with nothing else', () => {
  const before = hashes(tree);
  expect(Object.keys(before)).toEqual(['add', 'sum']);
  const header = hashes({ ...tree, 'csrc/kernels/walk.h': '\n' });
  expect(header.add).not.toBe(before.add);
  expect(header.sum).toBe(before.sum);
  expect(hashes({ ...tree, 'csrc/stream/command.h': 'struct Command;\n' })).toEqual(before);
});

test('programs change with the sources of their text, and are listed behind the families', () => {
  const sources = {
    ...tree,
    'csrc/stream/ptx/emit.cpp': '#include "kernels/ptx/number.h"\n#include "stream/command.h"\n',
    'csrc/kernels/ptx/number.h': '#include "kernels/names.h"\n',
    'csrc/kernels/names.h': '\n',
  };
  const before = hashes(sources);
  expect(Object.keys(before)).toEqual(['add', 'sum', 'programs']);
  for (const name of ['csrc/stream/ptx/emit.cpp', 'csrc/kernels/ptx/number.h', 'csrc/kernels/names.h']) {
    const { add, programs } = hashes({ ...sources, [name]: '// changed\n' });
    expect([name, add, programs === before.programs]).toEqual([name, before.add, false]);
  }
  expect(hashes({ ...sources, 'csrc/kernels/walk.h': '\n' }).programs).toBe(before.programs);
});

test('a result verifies the hash it was measured with, and no other', () => {
  const { add, sum } = hashes(tree);
  const result = (date: string, hash: string | undefined, verified = true): string =>
    JSON.stringify({ date, environment: { gpu: 'GPU 1' }, verified: { add: { hash, verified } } });
  const found = statusOf({
    ...tree,
    'bench/gpu/gpu1-2026-01-02.json': result('2026-01-02', add),
    'bench/gpu/gpu1-2026-01-03.json': result('2026-01-03', add, false),
    'bench/gpu/gpu1-2026-01-04.json': result('2026-01-04', sum),
  });
  expect(found).toMatchObject([
    { family: 'add', verifiedBy: 'bench/gpu/gpu1-2026-01-02.json', gpu: 'GPU 1' },
    { family: 'sum', verifiedBy: null, gpu: null },
  ]);
});

test('every family of the sources is listed, as text too', () => {
  const { code, output } = runScript('gpu-status.mjs', []);
  expect(code).toBe(0);
  expect(output).toMatch(/^elementwise +[0-9a-f]{12} {2}(unverified|verified) on /m);
  const fill = readFileSync(path.join(root, 'csrc', 'kernels', 'cuda', 'fill.h'), 'utf8');
  const families = [...fill.matchAll(/^ {2}X\((\w+)\)/gm)].map(([, family]) => family);
  expect(families.length).toBeGreaterThan(0);
  // And programs, of which no family is made.
  expect(output.trimEnd().split('\n')).toHaveLength(families.length + 1);
  for (const family of [...families, 'programs']) expect(output).toMatch(new RegExp(`^${family} `, 'm'));
});

const hasPython = spawnSync('python3', ['-c', 'import numpy']).status === 0;
if (!hasPython) process.stderr.write('gpu-status: skipped the hashes of gpu-check: no python3 with numpy\n');

(hasPython ? test : test.skip)('gpu-check computes the same hashes', () => {
  const { status, stdout } = spawnSync('python3', [path.join(root, 'scripts', 'gpu-check'), '--hashes'], {
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  const { output } = runScript('gpu-status.mjs', ['--json']);
  const own = (JSON.parse(output) as Status[]).map(({ family, hash }) => [family, hash] as const);
  expect(Object.fromEntries(own)).toEqual(JSON.parse(stdout));
});
