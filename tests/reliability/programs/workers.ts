// Starts and ends workers many times beside work of its own; prints one line at the end.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { matmul, normal, ones, seed } from '../../../ts';

const hook = join(__dirname, '..', 'typescript-hook.cjs');

function start(endless: boolean): { worker: Worker; first: Promise<number[]> } {
  const body = `require(${JSON.stringify(hook)}); require(${JSON.stringify(join(__dirname, 'worker-body.ts'))});`;
  const worker = new Worker(body, { eval: true, workerData: { endless } });
  const first = new Promise<number[]>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  return { worker, first };
}

const ended = (worker: Worker): Promise<number> => new Promise(resolve => worker.once('exit', resolve));

async function main(): Promise<void> {
  seed(3);
  const own = (await normal([5]).read()).join();
  const results: string[] = [];
  for (let round = 0; round < 10; round++) {
    const { worker, first } = start(true);
    const mine = matmul(ones([200, 200]), ones([200, 200]));
    results.push((await first).join() === own ? 'same' : 'different');
    await new Promise(resolve => setTimeout(resolve, 3 * round));
    await worker.terminate();
    if ((await mine.read())[0] !== 200) results.push('wrong');
  }
  const { worker, first } = start(false);
  const end = ended(worker);
  await first;
  process.stdout.write(`${[...new Set(results)].join()} ${await end}\n`);
}

void main();
