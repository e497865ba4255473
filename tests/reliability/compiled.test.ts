// Processes and workers that end in the middle of compiled steps.
import { runProgram } from './run-program';

test.each([
  ['exit', 7],
  ['throw', 1],
  ['reject', 1],
  ['exit-while-recording', 9],
  ['exit-in-continuation', 11],
  ['misuse', 13],
])('%s in the middle of compiled steps is no crash', async (way, expected) => {
  const { code, signal, stderr } = await runProgram('compiled-early', { args: [way] });
  expect([code, signal]).toEqual([expected, null]);
  if (expected === 1) expect(stderr).toContain('RangeError: mine');
});
