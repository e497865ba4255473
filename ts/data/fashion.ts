// MNIST and the sets in its shape (Fashion-MNIST): four IDX files of 28x28 images and labels in a folder.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '../errors';
import { ArrayDataset } from './dataset';
import { readIdx } from './idx';

/** Where Debian's package `dataset-fashion-mnist` puts its files. */
export const FASHION_MNIST_FOLDER = '/usr/share/datasets/fashion-mnist';

const FASHION_CLASSES = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];
const DIGIT_CLASSES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
const SIDE = 28;

const FILES = {
  train: { images: 'train-images-idx3-ubyte', labels: 'train-labels-idx1-ubyte' },
  test: { images: 't10k-images-idx3-ubyte', labels: 't10k-labels-idx1-ubyte' },
};

interface Source {
  op: string;
  folder: string;
  classes: readonly string[];
  advice: string;
}

/** The two halves of a published set: `x` is f32 `[28, 28, 1]` in 0..1, `target` an i32 class of 0..9. */
export interface TrainTest {
  train: ArrayDataset;
  test: ArrayDataset;
}

/**
 * Fashion-MNIST (60,000 and 10,000 samples) from a folder with its four files, plain or gzipped; by default
 * from where Debian's package `dataset-fashion-mnist` puts them. Missing or foreign files are a DataError.
 *
 * @example
 * const { train, test } = await data.fashionMnist('data/fashion-mnist');
 */
export function fashionMnist(folder: string = FASHION_MNIST_FOLDER): Promise<TrainTest> {
  const advice = 'install the Debian package dataset-fashion-mnist, or give the folder that has the files';
  return readFolder({ op: 'fashionMnist', folder, classes: FASHION_CLASSES, advice });
}

/**
 * MNIST, or any set in its format with ten classes, from a folder with its four files, plain or gzipped.
 *
 * @example
 * const { train, test } = await data.mnist('data/mnist');
 */
export function mnist(folder: string): Promise<TrainTest> {
  return readFolder({
    op: 'mnist',
    folder,
    classes: DIGIT_CLASSES,
    advice: 'give the folder that has the files',
  });
}

async function readFolder(source: Source): Promise<TrainTest> {
  const { op, folder, advice } = source;
  const names = Object.values(FILES).flatMap(({ images, labels }) => [images, labels]);
  if (!(await exists(folder))) {
    const files = names.join(', ');
    throw new DataError(
      op,
      `no folder ${JSON.stringify(folder)} with ${files} (each plain or .gz); ${advice}`,
      {
        path: folder,
      },
    );
  }
  const [train, test] = await Promise.all([readHalf(source, FILES.train), readHalf(source, FILES.test)]);
  return { train, test };
}

async function readHalf(source: Source, files: { images: string; labels: string }): Promise<ArrayDataset> {
  const [imagesPath, labelsPath] = await Promise.all([
    find(source, files.images),
    find(source, files.labels),
  ]);
  const [images, labels] = await Promise.all([readIdx(imagesPath), readIdx(labelsPath)]);
  const fail = (path: string, detail: string): DataError =>
    new DataError(source.op, `${JSON.stringify(path)} ${detail}`, { path });

  const [count, height, width] = images.shape;
  if (images.dtype !== 'u8' || images.shape.length !== 3 || height !== SIDE || width !== SIDE) {
    throw fail(
      imagesPath,
      `holds ${images.dtype} [${images.shape.join(', ')}]; expected u8 [samples, 28, 28]`,
    );
  }
  if (labels.dtype !== 'u8' || labels.shape.length !== 1) {
    throw fail(labelsPath, `holds ${labels.dtype} [${labels.shape.join(', ')}]; expected u8 [samples]`);
  }
  if (count !== labels.data.length) {
    throw fail(labelsPath, `has ${labels.data.length} labels for ${count} images; expected as many`);
  }
  const classCount = source.classes.length;
  const wrong = labels.data.findIndex(label => label >= classCount);
  if (wrong >= 0) {
    throw fail(labelsPath, `has label ${labels.data[wrong]} at ${wrong}; expected 0..${classCount - 1}`);
  }
  return new ArrayDataset(
    {
      x: { data: images.data, shape: [SIDE, SIDE, 1], scale: 1 / 255 },
      target: { data: new Int32Array(labels.data), shape: [] },
    },
    { classes: source.classes },
  );
}

async function find({ op, folder, advice }: Source, name: string): Promise<string> {
  for (const path of [join(folder, name), join(folder, `${name}.gz`)]) if (await exists(path)) return path;
  throw new DataError(op, `${JSON.stringify(folder)} has neither ${name} nor ${name}.gz; ${advice}`, {
    path: folder,
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
