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
        const dtype = op.writes ? undefined : expectedDType(call, samples);
        const wrong = got.find(result => dtype !== undefined && result.dtype !== dtype);
        if (wrong !== undefined) return `the dtype is ${wrong.dtype}, not ${dtype}`;
        return got.map((result, i) => difference(result, want[i] ?? result, samples.tolerance)).find(Boolean);
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
