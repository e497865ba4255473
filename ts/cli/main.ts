#!/usr/bin/env node
// The hebb command: dispatch, signals and exit codes.
import { HebbError } from '../errors';
import { doctor } from './doctor';
import { parseTrain, TRAIN_HELP } from './options';
import { train } from './train';
import { parseTune, tune, TUNE_HELP } from './tune';

const HELP = `hebb: deep learning for Node.js

  hebb train    train a convnet on Fashion-MNIST (hebb train --help)
  hebb tune     run a script and measure which kernels are fastest for it (hebb tune --help)
  hebb doctor   what this installation runs on
`;

const SIGNAL_CODES = { SIGINT: 130, SIGTERM: 143 } as const;

// The first signal lets the steps under way finish and the results be saved; the second ends the process at once.
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const [name, code] of Object.entries(SIGNAL_CODES)) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(code);
      controller.abort(name);
    });
  }
  return controller.signal;
}

const exitCode = ({ aborted, reason }: AbortSignal): number =>
  aborted ? (reason === 'SIGTERM' ? 143 : 130) : 0;

async function main([command, ...rest]: readonly string[]): Promise<number> {
  switch (command) {
    case 'doctor':
      doctor();
      return 0;
    case 'train': {
      if (rest.includes('--help')) {
        console.log(TRAIN_HELP);
        return 0;
      }
      const signal = interruption();
      await train(parseTrain(rest), signal);
      return exitCode(signal);
    }
    case 'tune': {
      if (rest[0] === '--help') {
        console.log(TUNE_HELP);
        return 0;
      }
      return await tune(parseTune(rest));
    }
    default:
      console.log(HELP);
      return command === undefined || command === '--help' ? 0 : 2;
  }
}

main(process.argv.slice(2)).then(
  code => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof HebbError ? error.message : error);
    process.exitCode = 1;
  },
);
