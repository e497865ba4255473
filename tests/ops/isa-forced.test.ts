// HEBB_ISA is what runs, where it is set.
import { isa } from '../../ts/runtime';

test('a forced instruction set is the one in use', () => {
  const forced = process.env['HEBB_ISA'];
  expect(isa()).toBe(forced ?? isa());
  expect(['v2', 'avx2', 'avx512', 'amx', 'amx-emulated', 'neon']).toContain(isa());
});
