// Every op, case and dtype against its float64 reference.
import { entries } from './matrix-catalog';
import { calls, isDrawn } from './matrix-draw';
import { difference, evaluate, expectedDType, expectNone, gather, reference, submit } from './matrix-run';
import { scope } from '../../ts/scope';

describe.each(entries.map(entry => [entry.op.name, entry] as const))('%s', (_, { op, samples }) => {
  test('agrees with the reference', () => {
    const list = calls(op, samples);
    const failures = gather(list, call => {
      const read = submit(call);
      return () => {
        const want = reference(call, samples);
        const got = read();
        if (got.length !== want.length) return `${got.length} results, the reference has ${want.length}`;
        const wrong = got.map((result, i) => {
          const dtype = op.writes ? undefined : expectedDType(call, samples, i);
          if (dtype !== undefined && result.dtype !== dtype)
            return `the dtype is ${result.dtype}, not ${dtype}`;
          return difference(result, want[i] ?? result, samples.tolerance);
        });
        return wrong.find(Boolean);
      };
    });
    expectNone(failures);
    expect(list.length).toBeGreaterThan(0);
  });

  if (op.method && ['tensor', 'value'].includes(op.args[0]?.kind ?? '')) {
    test('is a method too', () => {
      const call = calls(op, samples).find(({ args }) => isDrawn(args[0]?.value));
      if (call === undefined) throw new Error('no case starts with a tensor');
      scope(() => {
        const [y] = evaluate(call);
        expect(typeof Object.getPrototypeOf(Object.getPrototypeOf(y))[op.name]).toBe('function');
      });
    });
  }
});
