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

const DEFAULTS = { epochs: 6, batch: 64, seed: 1, out: 'out' } as const;

export const TRAIN_HELP = `hebb train: trains a small convnet on Fashion-MNIST, or on generated digits without it

  --epochs N    passes over the training images (${DEFAULTS.epochs})
  --batch N     images per step (${DEFAULTS.batch})
  --seed N      order of the images, weights and dropout follow from it (${DEFAULTS.seed})
  --data DIR    folder of Fashion-MNIST's four IDX files, plain or .gz
  --threads N   threads to compute on (the usable cores)
  --out DIR     where charts and weights go (${DEFAULTS.out})
  --json FILE   write {dataset, epochs, testAccuracy, seconds, samplesPerSecond, seed}

Ctrl-C finishes the step under way and saves; a second one ends at once.
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

function whole(name: string, value: string, low: number): number {
  const number = Number(value);
  if (!/^[0-9]+$/.test(value) || !Number.isSafeInteger(number) || number < low) {
    throw new ValueError('train', `--${name} is '${value}'; use an integer of ${low} and more`);
  }
  return number;
}

function given(args: readonly string[]): Partial<Record<keyof typeof names, string>> {
  try {
    return parseArgs({ args: [...args], options: names }).values;
  } catch (error) {
    const reason = String((error as Error).message).split(/[.\n]/)[0] ?? '';
    throw new ValueError(
      'train',
      `${reason.charAt(0).toLowerCase()}${reason.slice(1)}; see hebb train --help`,
    );
  }
}

/** Throws ValueError for an unknown option or a number out of range. */
export function parseTrain(args: readonly string[]): TrainArguments {
  const { data, json, out = DEFAULTS.out, ...values } = given(args);
  for (const [name, path] of Object.entries({ data, json, out })) {
    if (path === '') throw new ValueError('train', `--${name} is empty; give a path`);
  }
  return {
    epochs: whole('epochs', values.epochs ?? String(DEFAULTS.epochs), 1),
    batch: whole('batch', values.batch ?? String(DEFAULTS.batch), 1),
    seed: whole('seed', values.seed ?? String(DEFAULTS.seed), 0),
    out,
    ...(data === undefined ? {} : { data }),
    ...(json === undefined ? {} : { json }),
    ...(values.threads === undefined ? {} : { threads: whole('threads', values.threads, 1) }),
  };
}
