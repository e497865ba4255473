// The registry and the samples fit together: every op, optional parameter, dtype and error is sampled.
import { entries, isOption, positional, samplesByName, schema } from './matrix-catalog';
import { calls, dtypesOf, hasFreeInput, isInput } from './matrix-draw';
import type { Case, Input } from './sample';

// Ops that take anything of any dtype and shape: there is nothing they could refuse.
const refuseNothing = new Map([
  ['zerosLike', 'takes any tensor'],
  ['onesLike', 'takes any tensor'],
  ['isnan', 'takes any tensor'],
  ['isfinite', 'takes any tensor'],
  ['isinf', 'takes any tensor'],
]);

const inputsOf = (sample: Case): Input[] => sample.args.flat().filter(isInput);

test('every op has samples', () => {
  expect(schema.length).toBeGreaterThan(50);
  expect(schema.filter(op => !samplesByName.has(op.name)).map(op => op.name)).toEqual([]);
});

test('samples are of registered ops', () => {
  const names = schema.map(op => op.name);
  expect([...samplesByName.keys()].filter(name => !names.includes(name))).toEqual([]);
});

test('every optional parameter has a value other than its default somewhere', () => {
  const missing = entries.flatMap(({ op, samples }) =>
    op.args
      .filter(arg => arg.fallback !== undefined)
      .filter(arg => {
        const place = positional(op).indexOf(arg);
        return !samples.cases.some(({ args, options }) => {
          const given = isOption(arg) ? options?.[arg.name] : args[place];
          const text = JSON.stringify(given)?.replaceAll('"', "'");
          return given !== undefined && text !== arg.fallback?.replaceAll(' ', '');
        });
      })
      .map(arg => `${op.name} ${arg.name}`),
  );
  expect(missing).toEqual([]);
});

test('options of the samples are options of the op', () => {
  const unknown = entries.flatMap(({ op, samples }) =>
    samples.cases.flatMap(({ options = {} }) =>
      Object.keys(options)
        .filter(name => !op.args.some(arg => arg.name === name && isOption(arg)))
        .map(name => `${op.name} ${name}`),
    ),
  );
  expect(unknown).toEqual([]);
});

test('every op that can fail has a sample of it', () => {
  const without = entries.filter(({ samples }) => samples.errors.length === 0).map(({ op }) => op.name);
  expect(without.filter(name => !refuseNothing.has(name))).toEqual([]);
  expect(
    [...refuseNothing.keys()].filter(name => schema.some(op => op.name === name) && !without.includes(name)),
  ).toEqual([]);
});

test('every op is run in each dtype it takes', () => {
  const missing = entries.flatMap(({ op, samples }) => {
    if (!samples.cases.some(hasFreeInput)) return [];
    const run = calls(op, samples);
    return dtypesOf(op, samples)
      .filter(dtype => !run.some(call => call.label.endsWith(` ${dtype}`)))
      .map(dtype => `${op.name} ${dtype}`);
  });
  expect(missing).toEqual([]);
});

test('ops of tensors are run on empty tensors and on single elements', () => {
  const size = ({ shape }: Input): number => shape.reduce((a, b) => a * b, 1);
  const tensorOps = entries.filter(({ samples }) =>
    samples.cases.some(sample => inputsOf(sample).length > 0),
  );
  const without = (wanted: number): string[] =>
    tensorOps
      .filter(({ samples }) => {
        const all = [...samples.cases, ...samples.errors.map(([sample]) => sample)];
        return !all.some(sample => inputsOf(sample).some(input => size(input) === wanted));
      })
      .map(({ op }) => op.name);
  expect(without(0)).toEqual([]);
  expect(without(1)).toEqual([]);
});

test('a case without a derivative says why', () => {
  const silent = entries.flatMap(({ op, samples }) =>
    samples.cases.filter(sample => sample.noGrad?.trim() === '').map(() => op.name),
  );
  expect(silent).toEqual([]);
});
