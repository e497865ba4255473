// Command-line options, checked.
import { parseArgs } from 'node:util';
import { ValueError } from '../errors';

/** What `hebb train` is told. */
export interface TrainArguments {
  readonly epochs: number;
  readonly batch: number;
  readonly seed: number;
  readonly data?: string;
  readonly threads?: number;
  readonly json?: string;
  readonly out: string;
}

export const TRAIN_HELP = `hebb train: trains a small convnet on Fashion-MNIST, or on generated digits without it

  --epochs N    passes over the training images (5)
  --batch N     images per step (64)
  --seed N      order of the images, weights and dropout follow from it (1)
  --data DIR    folder of the four IDX files (.gz or not) of Fashion-MNIST or MNIST
  --threads N   threads to compute on (the usable cores)
  --out DIR     where charts and weights go (out)
  --json FILE   write {dataset, epochs, testAccuracy, seconds, samplesPerSecond, seed}
`;

const names = {
  epochs: { type: 'string' },
  batch: { type: 'string' },
  seed: { type: 'string' },
  data: { type: 'string' },
  threads: { type: 'string' },
  json: { type: 'string' },
  out: { type: 'string' },
} as const;

function whole(name: string, value: string | undefined, fallback: number, low: number): number {
  if (value === undefined) return fallback;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < low || value.trim() === '') {
    throw new ValueError('train', `--${name} is '${value}'; use an integer of ${low} and more`);
  }
  return number;
}

/** Throws ValueError for an unknown option or a number out of range. */
export function parseTrain(args: readonly string[]): TrainArguments {
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options: names }));
  } catch (error) {
    const reason = error instanceof TypeError ? error.message.split('.')[0] : String(error);
    throw new ValueError('train', `${reason ?? ''}; see hebb train --help`);
  }
  return {
    epochs: whole('epochs', values.epochs, 5, 1),
    batch: whole('batch', values.batch, 64, 1),
    seed: whole('seed', values.seed, 1, 0),
    out: values.out ?? 'out',
    ...(values.data === undefined ? {} : { data: values.data }),
    ...(values.json === undefined ? {} : { json: values.json }),
    ...(values.threads === undefined ? {} : { threads: whole('threads', values.threads, 1, 1) }),
  };
}
