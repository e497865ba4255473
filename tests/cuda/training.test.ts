// The same program on the CPU and, through the emulator of the CUDA library, on 'cuda'.
import { runProgram } from '../reliability/run-program';

const names = ['softmax', 'softmaxCompiled', 'mlp', 'mlpCompiled'] as const;
type Losses = Record<(typeof names)[number], number[]> & { device: string; cudaBytes: number; fused: number };

async function lossesOn(device: string, order = '1'): Promise<Losses> {
  const env = device === 'cuda' ? { HEBB_DEVICE: 'cuda', HEBB_CUDA_EMULATOR: order } : {};
  const { code, stdout, stderr } = await runProgram('../../cuda/programs/losses', { env, limit: 120_000 });
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Losses;
}

test('a softmax regression and an MLP train alike on both devices, eager and compiled', async () => {
  const onCpu = await lossesOn('cpu');
  expect(onCpu).toMatchObject({ device: 'cpu', cudaBytes: 0 });
  for (const order of ['1', 'backward', 'shuffled']) {
    const onCuda = await lossesOn('cuda', order);
    expect(onCuda.device).toBe('cuda');
    expect(onCuda.cudaBytes).toBeGreaterThan(0);
    expect(onCuda.fused).toBeGreaterThan(0);
    for (const name of names) {
      expect(onCuda[name]).toHaveLength(50);
      onCuda[name].forEach((loss, i) => expect(Math.abs(loss - (onCpu[name][i] ?? NaN))).toBeLessThan(1e-5));
      expect(onCuda[name][49]).toBeLessThan((onCuda[name][0] ?? NaN) / 2);
    }
    // Compiled steps give the bits of eager ones.
    expect(onCuda.mlpCompiled).toEqual(onCuda.mlp);
  }
}, 300_000);
