// The number of threads changes no bit, forward or backward.
import { setThreads, threads } from '../../ts/runtime';
import { entries } from './matrix-catalog';
import { calls } from './matrix-draw';
import type { Call } from './matrix-draw';
import { gradients } from './matrix-gradient';
import { bitDifference, expectNone, gather, submit } from './matrix-run';
import type { Nd } from './sample';

const before = threads();
afterAll(() => setThreads(before));

/** Submits a call forward and backward for a number of threads. */
function everything(call: Call, count: number): () => Nd[] {
  setThreads(count);
  const [read, readGradients] = [submit(call), call.op.noGrad ? () => [] : gradients(call)];
  return () => [...read(), ...readGradients()];
}

test.each(entries.map(entry => [entry.op.name, entry] as const))('%s', (_, { op, samples }) => {
  const small = calls(op, samples).filter(call => / (f32|i32|bool)$/.test(call.label));
  const split = (samples.large ?? []).map(sample => ({ ...sample, dtypes: ['f32'] }));
  const large = calls(op, samples, split);
  const failures = gather([...small, ...large], call => {
    const runs = [1, 2, 3].map(count => everything(call, count));
    return () => {
      const [want = [], ...others] = runs.map(read => read());
      const different = others.map(got => got.map((y, i) => bitDifference(y, want[i] ?? y)).find(Boolean));
      const count = different.findIndex(text => text !== undefined);
      return count < 0 ? undefined : `with ${count + 2} threads ${different[count]}`;
    };
  });
  expectNone(failures);
});
