// Serves HTTP on this machine and trains by fit() meanwhile: `latency-child.mjs JSON` prints one line of JSON.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { hebb } from '../workloads/hebb.mjs';
import { quantile, rounded } from './statistics.mjs';

const { data, fit, models, nn, optim } = hebb;
const BATCH = 32;
const SAMPLES = 32 * BATCH;
const IDLE_SECONDS = 2;

const kinds = {
  resnet18: async () => ({
    model: (await import('../workloads/resnet18.mjs')).resnet18(),
    shape: [32, 32, 3],
  }),
  lenet: () => ({ model: new models.LeNet(), shape: [28, 28, 1] }),
};

function randomImages(shape) {
  const size = shape.reduce((product, extent) => product * extent, SAMPLES);
  const pixels = Uint8Array.from({ length: size }, (_, i) => (i * 2_654_435_761) >>> 24);
  const classes = Int32Array.from({ length: SAMPLES }, (_, i) => i % 10);
  const x = { data: pixels, shape, scale: 1 / 255 };
  return new data.ArrayDataset({ x, target: { data: classes, shape: [] } });
}

/** Runs `work` while the client sends requests. */
async function observed(client, work) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  client.postMessage('start');
  delay.enable();
  await work();
  delay.disable();
  client.postMessage('stop');
  const [times] = await once(client, 'message');
  return {
    eventLoopP99Ms: rounded(delay.percentile(99) / 1e6),
    eventLoopMaxMs: rounded(delay.max / 1e6),
    responses: times.length,
    responseP50Ms: rounded(quantile(times, 0.5)),
    responseP99Ms: rounded(quantile(times, 0.99)),
    responseMaxMs: rounded(Math.max(...times)),
  };
}

const { seconds, rate, model: name, threads } = JSON.parse(process.argv[2]);
if (kinds[name] === undefined) throw new Error(`no model '${name}'; use ${Object.keys(kinds).join(', ')}`);
if (threads !== undefined) hebb.setThreads(threads);
const { model, shape } = await kinds[name]();
const optimizer = new optim.SGD(model.parameters(), { lr: 1e-2, momentum: 0.9 });
const train = randomImages(shape);
const fitFor = milliseconds =>
  fit(model, {
    train,
    batch: BATCH,
    epochs: 1e6,
    loss: nn.crossEntropy,
    optimizer,
    signal: AbortSignal.timeout(milliseconds),
  });

const server = createServer((_, response) => response.end('ok'));
await once(server.listen(0, '127.0.0.1'), 'listening');
const client = new Worker(new URL('./latency-client.mjs', import.meta.url), {
  workerData: { port: server.address().port, rate },
});
await once(client, 'message');
const idle = await observed(client, () => sleep(Math.min(seconds, IDLE_SECONDS) * 1000));
// Compilers and first allocations are no part of it.
await fitFor(1);
let history;
const training = await observed(client, async () => {
  history = await fitFor(seconds * 1000);
});
await client.terminate();
server.closeAllConnections();
server.close();
console.log(
  JSON.stringify({
    model: name,
    seconds,
    rate,
    threads: hebb.threads(),
    steps: history.steps,
    idle,
    training,
  }),
);
