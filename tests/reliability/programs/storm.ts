// Starts and ends workers of every kind, some at a time: `storm.ts ROUNDS`. This thread does not load the library, so that the
// shared threads end and start again with the workers.
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

const rounds = Number(process.argv[2] ?? '10');
const hook = join(__dirname, '..', 'typescript-hook.cjs');
const body = `require(${JSON.stringify(hook)}); require(${JSON.stringify(join(__dirname, 'storm-body.ts'))});`;

async function one(kind: string, wait: number): Promise<void> {
  const worker = new Worker(body, { eval: true, workerData: { kind } });
  const ended = new Promise<number>(resolve => worker.once('exit', resolve));
  await new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  await new Promise(resolve => setTimeout(resolve, wait));
  if (kind === 'short') await ended;
  else await worker.terminate();
}

async function main(): Promise<void> {
  const kinds = ['spin', 'train', 'queue', 'fail', 'short', 'compiled'];
  for (let round = 0; round < rounds; round++) {
    await Promise.all(
      [0, 1, 2].map(lane => one(kinds[(round + lane * 2) % kinds.length] ?? '', (round * 7 + lane * 3) % 20)),
    );
  }
  process.stdout.write('survived\n');
}

void main();
