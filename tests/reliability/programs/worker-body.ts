// What a worker thread does: computes, fails, reports, and goes on until it is told to stop or is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { matmul, normal, ones, seed, take, tensor } from '../../../ts';
import type { Tensor } from '../../../ts';

/** Work in every state at once: queued, failing at the call, failing in the background, waited for. */
function step(x: Tensor): Tensor {
  const bad = take(x, tensor([1000], { dtype: 'i32' }));
  bad.read().catch(() => undefined);
  try {
    matmul(x, ones([2, 2]));
  } catch {
    x.add(1).readSync();
  }
  void x.read();
  return matmul(x, ones([300, 300])).mul(1 / 300);
}

async function main(): Promise<void> {
  const { endless } = workerData as { endless: boolean };
  seed(3);
  const values = await normal([5]).read();
  parentPort?.postMessage([...values]);
  for (let x = ones([300, 300]); endless; x = step(x)) await new Promise(resolve => setImmediate(resolve));
}

void main();
