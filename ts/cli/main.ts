#!/usr/bin/env node
// The hebb command: dispatch, signals and exit codes.
import { HebbError } from '../errors';
import { doctor } from './doctor';
import { parseTrain, TRAIN_HELP } from './options';
import { train } from './train';

const HELP = `hebb: deep learning for Node.js

  hebb train    train a convnet on Fashion-MNIST (hebb train --help)
  hebb doctor   what this installation runs on
`;

// The first signal lets the step under way finish and the results be saved; the second ends the process at once.
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const [name, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(code);
      process.exitCode = code;
      controller.abort(name);
    });
  }
  return controller.signal;
}

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  if (command === 'doctor') {
    doctor();
    return 0;
  }
  if (command === 'train') {
    if (rest.includes('--help')) {
      console.log(TRAIN_HELP);
      return 0;
    }
    const signal = interruption();
    const code = await train(parseTrain(rest), signal);
    return code === 130 && signal.reason === 'SIGTERM' ? 143 : code;
  }
  console.log(HELP);
  return command === undefined || command === '--help' ? 0 : 2;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof HebbError ? error.message : error);
    process.exitCode = 1;
  },
);
