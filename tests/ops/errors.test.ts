// Bad calls: a typed error with the op's name and the whole expected message; the process lives on.
import { HebbError } from '../../ts/errors';
import { add } from '../../ts/ops.gen';
import { tensor } from '../../ts/tensor';
import { entries } from './matrix-catalog';
import { drawCase, dtypesOf } from './matrix-draw';
import { expectNone, results } from './matrix-run';

/** What a call throws, at once or when its result is read. */
function failureOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

function wrongly(error: unknown, op: string, pattern: RegExp): string | undefined {
  if (error === undefined) return 'did not fail';
  if (!(error instanceof HebbError)) return `threw ${String(error)}`;
  if (error.constructor === HebbError) return `is not typed: ${error.message}`;
  if (error.op !== op) return `op is ${error.op}: ${error.message}`;
  if (pattern.exec(error.message)?.[0] !== error.message) return `says "${error.message}", not ${pattern}`;
  if (error.message.includes('\n')) return `takes several lines: ${error.message}`;
  return undefined;
}

test.each(entries.map(entry => [entry.op.name, entry] as const))('%s', (_, { op, samples }) => {
  const dtypes = dtypesOf(op, samples);
  const failures = samples.errors.flatMap(([sample, pattern], i) => {
    const call = dtypes.map(dtype => drawCase(op, sample, dtype, `${op.name} error ${i}`)).find(Boolean);
    if (call === undefined) return [`error ${i}: cannot be drawn in any dtype`];
    const failure = wrongly(
      failureOf(() => results(call)),
      op.name,
      pattern,
    );
    return failure === undefined ? [] : [`error ${i}: ${failure}`];
  });
  expectNone(failures);
  expect(add(tensor([1]), 2).itemSync()).toBe(3);
});
