'use strict';

// One epoch on the built-in digits with the installed package, from CommonJS.
const { data, evaluate, fit, nn, optim } = require('hebb');

class Net extends nn.Module {
  features = nn.sequential(new nn.Conv2d(1, 8, 5, { padding: 'same' }), new nn.ReLU(), new nn.MaxPool2d(4));
  head = nn.sequential(new nn.Flatten(), new nn.Linear(8 * 7 * 7, 10));
  forward(x) {
    return this.head.forward(this.features.forward(x));
  }
}

async function main() {
  const train = data.digits({ seed: 1, count: 2000 });
  const test = data.digits({ seed: 2, count: 500 });
  const model = new Net();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-3 });
  await fit(model, {
    train,
    epochs: 1,
    batch: 64,
    loss: nn.crossEntropy,
    optimizer,
    metrics: ['accuracy'],
    seed: 1,
  });
  const { accuracy } = await evaluate(model, test, {
    batch: 64,
    loss: nn.crossEntropy,
    metrics: ['accuracy'],
  });
  console.log(`test accuracy ${accuracy}`);
  if (!(accuracy > 0.5)) throw new Error(`train: test accuracy is ${accuracy}; one epoch must pass 0.5`);
}

main();
