// Operands of different dtypes: the documented table, in every op that promotes.
import { DTypeError } from '../../ts/errors';
import type { DType } from '../../ts/native';
import { entries } from './matrix-catalog';
import type { Entry } from './matrix-catalog';
import { calls, isDrawn } from './matrix-draw';
import type { Call, CallArg } from './matrix-draw';
import { admitted, isFloat, promoted, rounded } from './matrix-dtype';
import { difference, evaluate, expectNone, gather, readBack, reference } from './matrix-run';

/** The call with its tensors in other dtypes, the first in one, the others in another; small whole numbers, which all of them hold. */
function withDTypes(call: Call, dtypes: readonly [DType, DType]): Call {
  let next = 0;
  const change = ({ arg, value }: CallArg): CallArg => {
    if (!isDrawn(value) || !value.free) return { arg, value };
    const dtype = dtypes[Math.min(next++, 1)] ?? value.dtype;
    const data = value.data.map(x => rounded(1 + (Math.abs(Math.round(3 * x)) % 3), dtype));
    return { arg, value: { ...value, dtype, data } };
  };
  return { ...call, label: `${call.op.name} ${dtypes.join(' ')}`, args: call.args.map(change) };
}

const isPair = (call: Call): boolean =>
  call.args.filter(({ value }) => isDrawn(value) && value.free && value.data.length > 0).length >= 2;

function promoting({ op, samples }: Entry): Call | undefined {
  return op.result === 'promote' ? calls(op, samples).find(isPair) : undefined;
}

const nothing = (): undefined => undefined;

const pairs = entries.flatMap(entry => {
  const call = promoting(entry);
  return call === undefined ? [] : [[entry.op.name, entry, call] as const];
});

test('some ops promote', () => {
  expect(pairs.map(([name]) => name)).toEqual(expect.arrayContaining(['add', 'mul', 'matmul']));
});

test.each(pairs)('%s', (_, { op, samples }, call) => {
  const dtypes = admitted(op.dtypes);
  const all = dtypes.flatMap(a => dtypes.map(b => withDTypes(call, [a, b])));
  const failures = gather(all, mixed => {
    const [a, b] = mixed.args.flatMap(({ value }) => (isDrawn(value) && value.free ? [value.dtype] : []));
    if (a === undefined || b === undefined) return () => 'has no two tensors';
    try {
      const [first] = evaluate(mixed);
      if (first === undefined) return () => 'gives nothing';
      return () => {
        const y = readBack(first);
        if (y.dtype !== promoted(a, b)) return `gives ${y.dtype}, not ${promoted(a, b)}`;
        return difference(y, reference(mixed, samples)[0] ?? y, samples.tolerance);
      };
    } catch (error) {
      // Some refuse two integers, which they may: the class alone cannot say it.
      if (error instanceof DTypeError && !isFloat(a) && !isFloat(b) && samples.dtypes !== undefined)
        return nothing;
      throw error;
    }
  });
  expectNone(failures);
});
