// How a server answers while fit() trains in its process: the delay of the event loop, and the response times of HTTP
// requests that another thread sends at a steady rate, without and with training:
// `fit-latency [--json FILE] [--seconds S] [--rate R] [--model resnet18|lenet] [--threads N]`.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../scripts/process.mjs';
import { saveJson } from './training/run.mjs';

const child = path.join(path.dirname(fileURLToPath(import.meta.url)), 'training', 'latency-child.mjs');
const MOST_RATE = 500;

function bounded(name, text, low, high) {
  const value = Number(text);
  if (!(value >= low && value <= high)) throw new Error(`--${name} is '${text}'; use ${low} to ${high}`);
  return value;
}

export async function main(options) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: options,
    options: {
      json: text,
      seconds: { ...text, default: '20' },
      rate: { ...text, default: '50' },
      model: { ...text, default: 'resnet18' },
      threads: text,
    },
  });
  const task = {
    seconds: bounded('seconds', values.seconds, 0.1, 3600),
    rate: bounded('rate', values.rate, 1, MOST_RATE),
    model: values.model,
    threads: values.threads && bounded('threads', values.threads, 1, 256),
  };
  const { code, output } = await run(process.execPath, [child, JSON.stringify(task)]);
  if (code !== 0) throw new Error(`fit-latency: ${output}`);
  const result = JSON.parse(output.trim().split('\n').at(-1));
  for (const phase of ['idle', 'training']) {
    const { eventLoopP99Ms, eventLoopMaxMs, responses, responseP50Ms, responseP99Ms, responseMaxMs } =
      result[phase];
    console.log(
      `${phase.padEnd(9)} event loop p99 ${eventLoopP99Ms} ms, max ${eventLoopMaxMs} ms; ` +
        `${responses} responses p50 ${responseP50Ms} ms, p99 ${responseP99Ms} ms, max ${responseMaxMs} ms`,
    );
  }
  console.log(`${result.model}: ${result.steps} steps of fit() meanwhile`);
  saveJson(values.json, result);
  return 0;
}
