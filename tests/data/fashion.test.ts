// The MNIST family from a folder: what is read, and what is said of folders that do not fit.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FASHION_MNIST_FOLDER, fashionMnist, mnist } from '../../ts/data/fashion';
import { DataError } from '../../ts/errors';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hebb-fashion-'));
});
afterEach(() => rm(folder, { recursive: true }));

function idx(shape: readonly number[], values: readonly number[]): Uint8Array {
  const extents = shape.flatMap(extent => [0, 0, extent >> 8, extent & 255]);
  return Uint8Array.from([0, 0, 8, shape.length, ...extents, ...values]);
}

// Image i of the training half is filled with i, of the test half with 100 + i.
const images = (count: number, base: number): Uint8Array =>
  idx(
    [count, 28, 28],
    Array.from({ length: count * 784 }, (_, i) => base + Math.floor(i / 784)),
  );

async function fill(): Promise<void> {
  await writeFile(join(folder, 'train-images-idx3-ubyte'), images(3, 0));
  await writeFile(join(folder, 'train-labels-idx1-ubyte.gz'), gzipSync(idx([3], [9, 0, 5])));
  await writeFile(join(folder, 't10k-images-idx3-ubyte.gz'), gzipSync(images(2, 100)));
  await writeFile(join(folder, 't10k-labels-idx1-ubyte'), idx([2], [1, 2]));
}

async function refusal(): Promise<DataError> {
  const error: unknown = await mnist(folder).catch((reason: unknown) => reason);
  if (!(error instanceof DataError)) throw new Error(`expected a DataError, got ${String(error)}`);
  return error;
}

test('reads plain and gzipped files alike', async () => {
  await fill();
  const { train, test: held } = await mnist(folder);
  expect([train.size, held.size]).toEqual([3, 2]);
  expect(train.fields).toEqual({
    x: { dtype: 'f32', shape: [28, 28, 1] },
    target: { dtype: 'i32', shape: [] },
  });
  expect(train.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  expect(train.gather(Int32Array.of(0, 1, 2)).target).toEqual(Int32Array.of(9, 0, 5));
  const { x, target } = held.gather(Int32Array.of(1));
  expect(x).toEqual(new Float32Array(784).fill(101 / 255));
  expect(target).toEqual(Int32Array.of(2));
  expect((await fashionMnist(folder)).test.classes?.[2]).toBe('Pullover');
});

test('a missing folder is told with the files expected and the package to install', async () => {
  const missing = join(folder, 'nowhere');
  const error: unknown = await fashionMnist(missing).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataError);
  expect(error).toMatchObject({
    op: 'fashionMnist',
    path: missing,
    message:
      `fashionMnist: no folder "${missing}" with train-images-idx3-ubyte, train-labels-idx1-ubyte, ` +
      't10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (each plain or .gz); ' +
      'install the Debian package dataset-fashion-mnist, or give the folder that has the files',
  });
});

test('a missing file is told with its folder', async () => {
  await fill();
  await rm(join(folder, 't10k-labels-idx1-ubyte'));
  expect((await refusal()).message).toBe(
    `mnist: "${folder}" has neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte.gz; ` +
      'give the folder that has the files',
  );
});

test.each([
  [
    'train-images-idx3-ubyte',
    idx([3, 2, 2], new Array<number>(12).fill(0)),
    'holds u8 [3, 2, 2]; expected u8 [samples, 28, 28]',
  ],
  ['train-images-idx3-ubyte', idx([3], [0, 0, 0]), 'holds u8 [3]; expected u8 [samples, 28, 28]'],
  ['t10k-labels-idx1-ubyte', idx([2, 1], [0, 0]), 'holds u8 [2, 1]; expected u8 [samples]'],
  [
    't10k-labels-idx1-ubyte',
    Uint8Array.of(0, 0, 9, 1, 0, 0, 0, 2, 1, 1),
    'holds i8 [2]; expected u8 [samples]',
  ],
  ['t10k-labels-idx1-ubyte', idx([3], [0, 1, 2]), 'has 3 labels for 2 images; expected as many'],
  ['t10k-labels-idx1-ubyte', idx([2], [9, 10]), 'has label 10 at 1; expected 0..9'],
])('%s that does not fit: %#', async (name, bytes, detail) => {
  await fill();
  const path = join(folder, name);
  await writeFile(path, bytes);
  const error = await refusal();
  expect(error.message).toBe(`mnist: "${path}" ${detail}`);
  expect(error.path).toBe(path);
});

test('a damaged file is a DataError of its reader', async () => {
  await fill();
  await writeFile(join(folder, 'train-images-idx3-ubyte'), images(3, 0).subarray(0, 1000));
  expect((await refusal()).message).toBe(
    `readIdx: "${join(folder, 'train-images-idx3-ubyte')}" is truncated: ` +
      'shape [3, 28, 28] needs 2368 bytes, it has 1000',
  );
});

const installed = existsSync(FASHION_MNIST_FOLDER) ? test : test.skip;
installed('the installed Fashion-MNIST has 60,000 and 10,000 samples, evenly over ten classes', async () => {
  const { train, test: held } = await fashionMnist();
  expect([train.size, held.size]).toEqual([60000, 10000]);
  for (const half of [train, held]) {
    const { target } = half.gather(Int32Array.from({ length: half.size }, (_, i) => i));
    const counts = new Array<number>(10).fill(0);
    for (const label of target ?? []) counts[label] = (counts[label] ?? 0) + 1;
    expect(counts).toEqual(new Array<number>(10).fill(half.size / 10));
  }
  const { x, target } = train.gather(Int32Array.of(0));
  expect(target).toEqual(Int32Array.of(9));
  // Mean of the first image, an ankle boot, as its 784 bytes give it.
  expect(Float32Array.from(x ?? []).reduce((sum, value) => sum + value, 0) / 784).toBeCloseTo(0.381388, 5);
});
