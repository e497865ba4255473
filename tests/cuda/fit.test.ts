// fit() and evaluate() where the model is.
import { runProgram } from '../reliability/run-program';

interface Found {
  devices: string[];
  losses: number[];
  figures: Record<string, number>[];
}

async function found(where: 'here' | 'moved', env: NodeJS.ProcessEnv): Promise<Found> {
  const { code, stdout, stderr } = await runProgram('../../cuda/programs/fit', {
    args: [where],
    env,
    limit: 60_000,
  });
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Found;
}

test('fit and evaluate find the same on both devices, and follow a model that was moved', async () => {
  const onCpu = await found('here', { HEBB_DEVICE: 'cpu' });
  expect(onCpu.devices).toEqual(['cpu']);
  expect(onCpu.losses).toHaveLength(12);
  const onCuda = await found('here', { HEBB_DEVICE: 'cuda', HEBB_CUDA_EMULATOR: '1' });
  const moved = await found('moved', { HEBB_DEVICE: 'cpu', HEBB_CUDA_EMULATOR: 'shuffled' });
  for (const { devices, losses, figures } of [onCuda, moved]) {
    expect(devices).toEqual(['cuda']);
    losses.forEach((loss, i) => expect(loss).toBeCloseTo(onCpu.losses[i] ?? NaN, 5));
    figures.forEach((of, i) => {
      for (const [name, value] of Object.entries(of))
        expect(value).toBeCloseTo(onCpu.figures[i]?.[name] ?? NaN, 5);
    });
  }
}, 120_000);
