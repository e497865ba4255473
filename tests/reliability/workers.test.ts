// Worker threads: each has its own environment, and ending one in the middle of its work harms nobody.
import { runProgram } from './run-program';

test('workers load, compute the same numbers, and may be ended at any time', async () => {
  const { code, signal, stdout, stderr } = await runProgram('workers', { limit: 60_000 });
  expect([stdout, stderr]).toEqual(['same 0\n', '']);
  expect([code, signal]).toEqual([0, null]);
}, 70_000);
