// A device that fails for good: everything that waits is told, nothing hangs or aborts, and the CPU goes on.
import { runProgram } from '../reliability/run-program';

const unread = /^hebb: a failure that nothing read: cuda: the device (has )?failed/;

// From the first work on, somewhere in the first steps, and when steps are replayed as graphs.
test.each(['eager', 'compiled', 'fit'])(
  '%s training on it',
  async what => {
    for (const works of [0, 1, 3, 9, 27, 81, 200]) {
      const env = { HEBB_CUDA_EMULATOR: '1', HEBB_CUDA_EMULATOR_DIES: String(works) };
      const { code, stdout, stderr } = await runProgram('../../cuda/programs/dying', { args: [what], env });
      expect([works, code, stdout]).toEqual([works, 0, '{"said":["DeviceError"],"sum":6}']);
      for (const line of stderr.split('\n').filter(Boolean)) expect(line).toMatch(unread);
    }
  },
  120_000,
);

test('the same programs on one that does not fail', async () => {
  for (const what of ['eager', 'compiled', 'fit']) {
    const env = { HEBB_CUDA_EMULATOR: '1' };
    const { code, stdout, stderr } = await runProgram('../../cuda/programs/dying', { args: [what], env });
    expect([code, stdout, stderr]).toEqual([0, '{"said":[],"sum":6}', '']);
  }
}, 60_000);
