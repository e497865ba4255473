// The options of `bench -- train` beside other libraries.
import { parseArgs } from 'node:util';
import { choiceOption, listOption, numberOption } from '../training/options.mjs';
import { narrowWorkloads, rivalNames, workloadNames } from './settings.mjs';

/** Whether the options ask for a comparison with other libraries. */
export const namesRivals = options => options.some(option => /^--rivals(=|$)/.test(option));

export function parse(options) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: options,
    options: {
      rivals: text,
      only: text,
      threads: text,
      peak: text,
      json: text,
      isa: text,
      check: { type: 'boolean', default: false },
      precision: { ...text, default: 'f32' },
      pairs: { ...text, default: '21' },
      seconds: { ...text, default: '0.5' },
    },
  });
  const optional = (name, read) => (values[name] === undefined ? undefined : read(name, values[name]));
  const precision = choiceOption('precision', values.precision, ['f32', 'bf16']);
  const known = precision === 'f32' ? workloadNames : narrowWorkloads;
  const rivals = listOption('rivals', values.rivals, rivalNames);
  if (precision === 'bf16' && rivals.join() !== 'torch')
    throw new Error('--precision bf16 has only torch to compare with; use --rivals torch');
  return {
    rivals,
    only: values.only === undefined ? known : listOption('only', values.only, known),
    threads: optional('threads', (name, value) => Math.round(numberOption(name, value, 1))),
    peakGflops: optional('peak', (name, value) => numberOption(name, value, 1)),
    isa: optional('isa', (name, value) => choiceOption(name, value, ['avx2'])),
    json: values.json,
    check: values.check,
    precision,
    pairs: Math.round(numberOption('pairs', values.pairs, 1)),
    seconds: numberOption('seconds', values.seconds, 0),
  };
}
