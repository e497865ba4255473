// What a worker thread does: computes, reports, and goes on until it is told to stop or is ended.
import { parentPort, workerData } from 'node:worker_threads';
import { matmul, normal, ones, seed } from '../../../ts';

async function main(): Promise<void> {
  const { endless } = workerData as { endless: boolean };
  seed(3);
  const values = await normal([5]).read();
  parentPort?.postMessage([...values]);
  for (let x = ones([300, 300]); endless; x = matmul(x, ones([300, 300])).mul(1 / 300)) {
    await new Promise(resolve => setImmediate(resolve));
    void x.read();
  }
}

void main();
