// The options of `bench -- train` beside other libraries, and of `bench -- ops`.
import { parseArgs } from 'node:util';
import { chosenBy, operations, words } from '../ops/cases.mjs';
import { choiceOption, listOption, numberOption } from '../training/options.mjs';
import { narrowWorkloads, rivalNames, workloadNames } from './settings.mjs';

/** Whether the options ask for a comparison with other libraries. */
export const namesRivals = options => options.some(option => /^--rivals(=|$)/.test(option));

const text = { type: 'string' };
const common = {
  rivals: text,
  only: text,
  threads: text,
  peak: text,
  json: text,
  isa: text,
  check: { type: 'boolean', default: false },
  pairs: { ...text, default: '21' },
  seconds: { ...text, default: '0.5' },
};

function commonValues(values) {
  const optional = (name, read) => (values[name] === undefined ? undefined : read(name, values[name]));
  return {
    rivals: listOption('rivals', values.rivals, rivalNames),
    threads: optional('threads', (name, value) => Math.round(numberOption(name, value, 1))),
    peakGflops: optional('peak', (name, value) => numberOption(name, value, 1)),
    isa: optional('isa', (name, value) => choiceOption(name, value, ['avx2'])),
    json: values.json,
    check: values.check,
    pairs: Math.round(numberOption('pairs', values.pairs, 1)),
    seconds: numberOption('seconds', values.seconds, 0),
  };
}

/** Of training steps. */
export function parse(options) {
  const { values } = parseArgs({
    args: options,
    options: { ...common, precision: { ...text, default: 'f32' } },
  });
  const precision = choiceOption('precision', values.precision, ['f32', 'bf16']);
  const known = precision === 'f32' ? workloadNames : narrowWorkloads;
  const parsed = commonValues(values);
  if (precision === 'bf16' && parsed.rivals.join() !== 'torch')
    throw new Error('--precision bf16 has only torch to compare with; use --rivals torch');
  const only = values.only === undefined ? known : listOption('only', values.only, known);
  return { ...parsed, only, precision };
}

/** Of operations: `--only` takes families, ops and names; the rival is torch unless said. */
export function parseOperations(options) {
  const rivals = { ...text, default: 'torch' };
  const { values } = parseArgs({ args: options, options: { ...common, rivals } });
  const only =
    values.only === undefined
      ? operations.map(({ name }) => name)
      : chosenBy(listOption('only', values.only, words));
  return { ...commonValues(values), only, precision: 'f32' };
}
