// The examples of the docstrings run, and their comments are true.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { runSnippet } from './program';
import { docstringExamples, examplesIn } from './snippets';
import { useScratchFolder } from './scratch-folder';

// An IDX file of bytes: its magic number, extents and data.
function idx(shape: readonly number[], value: (i: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((extent, i) => header.writeUInt32BE(extent, 4 + 4 * i));
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Buffer.concat([header, Buffer.from(Uint8Array.from({ length: size }, (_, i) => value(i)))]);
}

// The files that examples read, under the names they give them.
useScratchFolder(() => {
  mkdirSync('data/mnist', { recursive: true });
  for (const part of ['train', 't10k']) {
    writeFileSync(
      `data/mnist/${part}-images-idx3-ubyte`,
      idx([20, 28, 28], i => i % 256),
    );
    writeFileSync(`data/mnist/${part}-labels-idx1-ubyte.gz`, gzipSync(idx([20], i => i % 10)));
  }
  cpSync('data/mnist', 'data/fashion-mnist', { recursive: true });
});

const examples = docstringExamples();

test('the examples are found', () => {
  expect(examples.length).toBeGreaterThan(40);
  const text =
    '/**\n * Adds.\n *\n * @example\n * add(1, 2);\n * add(3, 4);\n * @see other\n */\n/** @example one(); */';
  expect(examplesIn('a.ts', text)).toEqual([
    { name: 'a.ts:4', code: 'add(1, 2);\nadd(3, 4);' },
    { name: 'a.ts:9', code: 'one();' },
  ]);
});

test.each([
  ['a wrong number', 'tensor([1, 2]).sum().itemSync(); // 4'],
  ['a wrong shape', 'zeros([2, 3]); // [3, 2]'],
  ['a wrong kind of array', 'tensor([1, 2]).readSync(); // Int32Array [1, 2]'],
  ['a wrong text', "viz.sparkline([1, 8]); // '▁▂'"],
  ['an error that does not come', 'zeros([2]); // ShapeError: zeros: no'],
  ['another message', 'zeros([2]).reshape([3]); // ShapeError: reshape: no'],
  ['text below', "viz.table([['a', 'b']]);\n// a  c"],
])('%s is found out', async (_, code) => {
  await expect(runSnippet({ name: 'claim', code })).rejects.toThrow(/toEqual|toBe/);
});

test.each(examples.map(example => [example.name, example] as const))('%s', async (_, example) => {
  await runSnippet(example);
});
