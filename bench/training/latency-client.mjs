// A thread that sends requests at a steady rate between the messages 'start' and 'stop', and answers the latter with the
// response times in milliseconds. A request that is late is not made up for, but its waiting counts.
import { Agent, get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

const { port, rate } = workerData;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let times = [];
let timer;
let pending = [];

const request = () =>
  new Promise((resolve, reject) => {
    const begin = performance.now();
    get({ host: '127.0.0.1', port, agent }, response => {
      response.resume();
      response.on('end', () => resolve(times.push(performance.now() - begin)));
    }).on('error', reject);
  });

parentPort.on('message', async message => {
  if (message === 'start') {
    times = [];
    pending = [];
    timer = setInterval(() => pending.push(request()), 1000 / rate);
  } else {
    clearInterval(timer);
    await Promise.all(pending);
    parentPort.postMessage(times);
  }
});
// The first connection is made before anything is measured.
await request();
parentPort.postMessage('ready');
