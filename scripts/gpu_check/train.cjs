'use strict';

// Trains a small network with a packed package on the device that HEBB_DEVICE names: node train.cjs PACKAGE.
const path = require('node:path');

const { compile, device, nn, optim, scope, seed, tensor } = require(path.resolve(process.argv[2]));

const [samples, inputs, classes, steps] = [64, 20, 5, 50];

/** Points around one centre for each class. */
function blobs() {
  const target = Int32Array.from({ length: samples }, (_, i) => i % classes);
  const value = (i, j) => Math.sin(i * 12.9898 + j * 78.233) + (j % classes === i % classes ? 1 : 0);
  const x = Float32Array.from({ length: samples * inputs }, (_, k) =>
    value(Math.floor(k / inputs), k % inputs),
  );
  return { x: tensor(x, { shape: [samples, inputs] }), target: tensor(target) };
}

async function losses(compiled) {
  seed(3);
  const { x, target } = blobs();
  const model = nn.sequential(
    new nn.Linear(inputs, 33),
    new nn.ReLU(),
    new nn.Dropout(0.2),
    new nn.Linear(33, classes),
  );
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.01 });
  const step = (a, b) => {
    const loss = nn.crossEntropy(model.forward(a), b);
    loss.backward();
    optimizer.step();
    return loss;
  };
  const run = compiled ? compile(step) : async (a, b) => scope(() => step(a, b));
  const found = [];
  for (let i = 0; i < steps; i++) {
    const loss = await run(x, target);
    found.push(await loss.item());
    loss.dispose();
  }
  return found;
}

async function main() {
  const eager = await losses(false);
  const compiled = await losses(true);
  const [first, last] = [eager[0], eager.at(-1)];
  if (!(last < first / 2)) throw new Error(`train: the loss went from ${first} to ${last}; it must halve`);
  const same = eager.every((loss, i) => loss === compiled[i]);
  console.log(
    `${device()}: the loss went from ${first.toFixed(4)} to ${last.toFixed(4)}; compiled steps give ${same ? 'the same bits' : 'OTHER BITS'}`,
  );
  if (!same) process.exitCode = 1;
}

main();
