// Choosing a device, on machines that have a GPU to use and on those that have none.
import { runProgram } from '../reliability/run-program';

const run = (choice: string, env: NodeJS.ProcessEnv = {}) =>
  runProgram('../../cuda/programs/device', { args: [choice], env });
const emulated = { HEBB_CUDA_EMULATOR: '1' };

test("'cuda' and 'auto' take a device that is there", async () => {
  expect(await run('cuda', emulated)).toMatchObject({ stdout: 'cuda cuda 2,4,6', stderr: '' });
  expect(await run('auto', emulated)).toMatchObject({ stdout: 'cuda cuda 2,4,6', stderr: '' });
  expect(await run('cpu', emulated)).toMatchObject({ stdout: 'cpu cpu 2,4,6', stderr: '' });
});

test.each([
  ['35', 'the NVIDIA driver is too old or does not fit'],
  ['100', 'no CUDA device is visible'],
  ['2', 'the device is out of memory'],
  ['999', 'the device cannot be opened'],
])('a device that fails with %s: one line for auto, a typed error for cuda', async (fault, reason) => {
  const env = { ...emulated, HEBB_CUDA_EMULATOR_FAULT: fault };
  const auto = await run('auto', env);
  expect(auto.stdout).toBe('cpu cpu 2,4,6');
  expect(auto.stderr.trimEnd().split('\n')).toEqual([expect.stringContaining(`hebb: no GPU: ${reason}`)]);
  expect((await run('cuda', env)).stdout).toMatch(new RegExp(`^DeviceError: device: no GPU: ${reason}`));
});

test('a library that is missing is told with its path', async () => {
  const env = { HEBB_CUDA_LIBRARY: '/nowhere/libhebb_cuda.so' };
  const { stdout } = await run('cuda', env);
  // Without a driver the library is not looked for.
  expect(stdout).toMatch(
    /^DeviceError: device: no GPU: (no NVIDIA driver|the CUDA library cannot be loaded: \/nowhere)/,
  );
});

test('HEBB_DEVICE must be a device', async () => {
  const { code, stderr } = await run('cpu', { HEBB_DEVICE: 'tpu' });
  expect(code).not.toBe(0);
  expect(stderr).toContain("HEBB_DEVICE: device must be 'cpu' or 'cuda', got tpu");
});
