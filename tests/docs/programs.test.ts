// The programs of the examples folder run, small, and learn.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSnippet } from './program';
import { examplePrograms } from './snippets';

const folder = mkdtempSync(join(tmpdir(), 'hebb-examples-'));
afterAll(() => rmSync(folder, { recursive: true }));

// The arguments that make a program small, and what its last line must say.
const runs: Readonly<Record<string, { args: readonly string[]; last: RegExp }>> = {
  'examples/xor-mlp.mts': { args: ['200'], last: /^1 xor 1 = 0\.0\d$/ },
  'examples/digits-convnet.mts': {
    args: ['1000', '2'],
    last: /^epoch 2: loss .*, test accuracy (0\.[6-9]\d+|1\.000)$/,
  },
  'examples/fit-fashion.mts': {
    args: ['digits', '600', '2', folder],
    last: /^test accuracy 0\.[3-9]\d+ after 18 steps; see /,
  },
};

const programs = examplePrograms();

test('every program has its arguments here', () => {
  expect(programs.map(({ name }) => name)).toEqual(Object.keys(runs).sort());
});

test.each(programs.map(program => [program.name, program] as const))(
  '%s',
  async (name, program) => {
    expect(program.code.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
    const { lines } = await runSnippet(program, runs[name]?.args);
    expect(lines.at(-1)).toMatch(runs[name]?.last ?? '');
  },
  60_000,
);

test('fit-fashion leaves weights and a chart', () => {
  expect(['weights.safetensors', 'loss.svg'].filter(name => existsSync(join(folder, name)))).toHaveLength(2);
});
