// Worker threads: each has its own environment, and ending one in the middle of its work harms nobody.
import { runProgram } from './run-program';

test('workers load, compute the same numbers, and may be ended at any time', async () => {
  const { code, signal, stdout, stderr } = await runProgram('workers', { limit: 60_000 });
  expect([code, signal, stdout]).toEqual([0, null, 'same 0\n']);
  expect(stderr).not.toMatch(/terminate|fatal|abort/i);
}, 70_000);

test('workers of every kind of work may come and go while nothing else holds the library', async () => {
  const { code, signal, stdout, stderr } = await runProgram('storm', { args: ['6'], limit: 60_000 });
  // What an ended worker's failures left unread is said once.
  const told = stderr.replace(/^hebb: a failure that nothing read: .*\n/gm, '');
  expect([stdout, told, code, signal]).toEqual(['survived\n', '', 0, null]);
}, 70_000);
