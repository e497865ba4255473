// How a process that uses the library ends, and what it waits for.
import { runProgram } from './run-program';

test('ends by itself with nothing pending', async () => {
  const { code, signal, stdout, milliseconds } = await runProgram('nothing-pending');
  expect([code, signal, stdout]).toEqual([0, null, 'end of file\n']);
  expect(milliseconds).toBeLessThan(10_000);
});

test('waits for a pending read', async () => {
  const { code, stdout, stderr } = await runProgram('pending-read');
  expect([code, stdout, stderr]).toEqual([0, 'end of file\nitem refused\nread 1\n', '']);
});

test.each([
  ['exit', 7],
  ['throw', 1],
  ['reject', 1],
  ['exit-in-read', 9],
])('%s with work in the queue is no crash', async (way, expected) => {
  const { code, signal, stderr } = await runProgram('exit-early', { args: [way] });
  expect([code, signal]).toEqual([expected, null]);
  if (expected === 1) expect(stderr).toContain('RangeError: mine');
});

test('a forced instruction set that does not exist is an error, not a crash', async () => {
  const { code, signal, stderr } = await runProgram('nothing-pending', { env: { HEBB_ISA: 'mmx' } });
  expect([code, signal]).toEqual([1, null]);
  expect(stderr).toMatch(/mmx/);
});
