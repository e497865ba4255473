// Values to the device and back.
import { runProgram } from '../reliability/run-program';

test.each(['1', 'shuffled'])(
  'what is sent and read while the device is behind is right (%s)',
  async order => {
    const env = { HEBB_CUDA_EMULATOR: order };
    const { code, stdout, stderr } = await runProgram('../../cuda/programs/transfers', {
      env,
      limit: 60_000,
    });
    expect([code, stderr, stdout]).toEqual([0, '', 'equal']);
  },
);
