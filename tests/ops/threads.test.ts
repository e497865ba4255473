// The number of threads changes no bit, forward or backward.
import { setThreads, threads } from '../../ts/runtime';
import { entries } from './matrix-catalog';
import { calls } from './matrix-draw';
import type { Call } from './matrix-draw';
import { gradients } from './matrix-gradient';
import { bitDifference, expectNone, gather, results } from './matrix-run';
import type { Nd } from './sample';

const before = threads();
afterAll(() => setThreads(before));

const everything = (call: Call, count: number): Nd[] => {
  setThreads(count);
  return [...results(call), ...(call.op.noGrad ? [] : gradients(call))];
};

test.each(entries.map(entry => [entry.op.name, entry] as const))('%s', (_, { op, samples }) => {
  const small = calls(op, samples).filter(call => / (f32|i32|bool)$/.test(call.label));
  const large = calls(op, samples, samples.large ?? []).filter(call => call.label.endsWith(' f32'));
  const failures = gather([...small, ...large], call => {
    const want = everything(call, 1);
    for (const count of [2, 3]) {
      const different = everything(call, count)
        .map((y, i) => bitDifference(y, want[i] ?? y))
        .find(Boolean);
      if (different !== undefined) return `with ${count} threads ${different}`;
    }
    return undefined;
  });
  expectNone(failures);
});
