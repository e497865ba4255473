// What a worker of the storm does until it is ended: one kind of work each, none of which ends by itself but `short`.
import { parentPort, workerData } from 'node:worker_threads';
import * as hebb from '../../../ts';

const { kind } = workerData as { kind: string };

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

// The continuation of a read holds the thread: it is ended inside the callback that delivers results.
async function spin(): Promise<void> {
  await hebb.ones([10]).add(1).read();
  parentPort?.postMessage('spinning');
  for (;;);
}

async function train(): Promise<void> {
  const w = hebb.state(hebb.normal([64, 64]), { requiresGrad: true });
  parentPort?.postMessage('training');
  for (;;) {
    hebb.scope(() => hebb.matmul(w, w).tanh().sum().backward());
    w.grad = undefined;
    await turn();
  }
}

async function queue(): Promise<void> {
  const x = hebb.ones([200, 200]);
  parentPort?.postMessage('queueing');
  for (;;) {
    for (let i = 0; i < 50; i++) void hebb.matmul(x, x).read();
    await turn();
  }
}

async function fail(): Promise<void> {
  const ids = hebb.tensor([5], { dtype: 'i32' });
  parentPort?.postMessage('failing');
  for (;;) {
    hebb
      .oneHot(ids, 2)
      .read()
      .catch(() => undefined);
    await turn();
  }
}

async function compiled(): Promise<void> {
  const w = hebb.state(hebb.normal([64, 64]), { requiresGrad: true });
  const step = hebb.compile((x: hebb.Tensor) => {
    const loss = hebb.matmul(x, w).tanh().mean();
    loss.backward();
    w.assign(hebb.sub(w, w.grad ?? 0));
    w.grad = undefined;
    return loss;
  });
  const x = hebb.ones([64, 64]);
  await step(x);
  parentPort?.postMessage('compiled');
  for (;;) (await step(x)).dispose();
}

async function short(): Promise<void> {
  parentPort?.postMessage((await hebb.ones([3]).sum().item()).toString());
}

const kinds: Readonly<Record<string, () => Promise<void>>> = { spin, train, queue, fail, short, compiled };
void kinds[kind]?.();
