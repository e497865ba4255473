// Trains a small convnet on generated digits in this process, by fit() or by a loop of its own, and looks at resident
// memory, live native bytes and the event loop's delay meanwhile. `loop.mjs fit|eager STEPS` prints one line of JSON.
import { createRequire } from 'node:module';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

const require = createRequire(import.meta.url);
// The sources as they stand: nothing has to be built for TypeScript.
require('../../tests/reliability/typescript-hook.cjs');
const { data, fit, memory, models, nn, optim, scope, seed } = require('../../ts/index.ts');

const BATCH = 32;
const SAMPLES = 64 * BATCH;
const [kind, count] = process.argv.slice(2);
const steps = Number(count);

/** Medians over 20 steps: a compiler thread at work shows for a moment. */
class Watch {
  rss = new Map();
  live = new Map();
  begun = 0;

  // After each step's update was submitted.
  tick() {
    this.begun++;
    for (const mark of [200, steps]) {
      if (this.begun > mark - 20 && this.begun <= mark) {
        this.rss.set(mark, [...(this.rss.get(mark) ?? []), process.memoryUsage.rss()]);
        this.live.set(mark, [...(this.live.get(mark) ?? []), memory().liveBytes]);
      }
    }
  }

  figures() {
    const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
    const least = values => Math.min(...values);
    return {
      rss: { at200: median(this.rss.get(200)), atEnd: median(this.rss.get(steps)) },
      liveBytes: { at200: least(this.live.get(200)), atEnd: least(this.live.get(steps)) },
    };
  }
}

async function byFit(model, optimizer, watch) {
  const train = data.digits({ seed: 1, count: SAMPLES });
  const stepper = {
    step: () => {
      optimizer.step();
      watch.tick();
    },
  };
  const epochs = Math.ceil(steps / (SAMPLES / BATCH));
  const metrics = ['accuracy'];
  await fit(model, {
    train,
    batch: BATCH,
    epochs,
    loss: nn.crossEntropy,
    optimizer: stepper,
    metrics,
    seed: 1,
  });
}

async function byHand(model, optimizer, watch) {
  const batches = data.loader(data.digits({ seed: 1, count: SAMPLES }), {
    batch: BATCH,
    shuffle: true,
    seed: 1,
  });
  while (watch.begun < steps) {
    for await (const { x, target } of batches) {
      const loss = scope(() => {
        const value = nn.crossEntropy(model.forward(x), target);
        value.backward();
        optimizer.step();
        return value;
      });
      await loss.item();
      loss.dispose();
      watch.tick();
    }
  }
}

seed(1);
const model = new models.LeNet({ dropout: 0.2 });
const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
const watch = new Watch();
// Whatever the process does at its start is no part of the loop's delay.
await sleep(200);
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
const start = performance.now();
await (kind === 'fit' ? byFit : byHand)(model, optimizer, watch);
delay.disable();
const milliseconds = name => Number((delay.percentile(name) / 1e6).toFixed(3));
const events = { p50: milliseconds(50), p99: milliseconds(99), max: Number((delay.max / 1e6).toFixed(3)) };
const seconds = Number(((performance.now() - start) / 1000).toFixed(3));
console.log(JSON.stringify({ kind, steps: watch.begun, seconds, ...watch.figures(), events }));
