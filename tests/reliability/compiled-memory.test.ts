// Compiled steps under every memory cap from too low to enough: a typed error, nothing lost, the same bits afterwards.
import { createHash } from 'node:crypto';
import { compile, flush, memory, nn, optim, OutOfMemoryError, seed, setMemoryCap, tensor } from '../../ts';
import type { Tensor } from '../../ts';

const MB = 2 ** 20;
const unlimited = memory().capBytes;
afterEach(() => setMemoryCap(unlimited));

function training(): { step: (x: Tensor, target: Tensor) => Tensor; values: () => Promise<string> } {
  seed(3);
  const model = new nn.Sequential(new nn.Linear(256, 1024), new nn.GELU(), new nn.Linear(1024, 8));
  const optimizer = new optim.Adam(model.parameters());
  const step = (x: Tensor, target: Tensor): Tensor => {
    const loss = nn.crossEntropy(model.forward(x), target);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const values = async (): Promise<string> => {
    const hash = createHash('sha256');
    for (const w of model.parameters()) hash.update((await w.read()) as Float32Array);
    return hash.digest('hex');
  };
  return { step, values };
}

// Takes what the process has cached, so that whatever follows needs more than the cap.
function cachesTaken(): Tensor[] {
  const taken: Tensor[] = [];
  const megabyte = new Float32Array(MB / 4);
  for (;;) {
    setMemoryCap(memory().reservedBytes);
    try {
      taken.push(tensor(megabyte));
    } catch (error) {
      expect(error).toBeInstanceOf(OutOfMemoryError);
      return taken;
    }
  }
}

test('a cap that is too low is a typed error at every size, and nothing is lost', async () => {
  const rows = 8192;
  const x = tensor(
    Float32Array.from({ length: rows * 256 }, (_, i) => Math.sin(i)),
    { shape: [rows, 256] },
  );
  const target = tensor(Int32Array.from({ length: rows }, (_, i) => i % 8));
  const { step: body, values } = training();
  const step = compile(body);
  const before = await values();
  await flush();
  const taken = cachesTaken();
  const { liveBytes } = memory();
  let failures = 0;
  let loss: number | undefined;
  for (let cap = memory().reservedBytes; loss === undefined; cap += 4 * MB) {
    setMemoryCap(cap);
    try {
      const result = await step(x, target);
      loss = Number(await result.item());
      result.dispose();
    } catch (error) {
      failures++;
      expect(error).toBeInstanceOf(OutOfMemoryError);
      expect((error as Error).message).toMatch(/cap/);
      expect(await values()).toEqual(before);
    }
    expect(failures).toBeLessThan(200);
  }
  expect(failures).toBeGreaterThan(2);
  const after = await values();
  step.dispose();
  await flush();
  // The moments of Adam were made by the step; they stay.
  expect(memory().liveBytes).toBeLessThan(liveBytes + 4 * MB);

  setMemoryCap(unlimited);
  for (const each of taken) each.dispose();
  const eager = training();
  expect([loss, after]).toEqual([await eager.step(x, target).item(), await eager.values()]);
});
