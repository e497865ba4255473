// A convnet on the generated digits in a loop of one's own: forward, backward, step, and the accuracy on other digits.
//   npm run build && node examples/digits-convnet.mts [images] [epochs]
import { data, evaluate, nn, optim, scope, seed, summary } from 'hebb';
import type { Tensor } from 'hebb';

const count = Number(process.argv[2] ?? 8000);
const epochs = Number(process.argv[3] ?? 3);

class Convnet extends nn.Module implements nn.Layer {
  features = nn.sequential(
    new nn.Conv2d(1, 8, 3, { padding: 'same' }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 16, 3, { padding: 'same' }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  head = nn.sequential(new nn.Flatten(), new nn.Dropout(0.2), new nn.Linear(16 * 7 * 7, 10));

  forward(x: Tensor): Tensor {
    return this.head.forward(this.features.forward(x));
  }
}

seed(1);
const train = data.digits({ seed: 1, count });
const test = data.digits({ seed: 2, count: 500 });
const model = new Convnet();
console.log(summary(model, { input: [28, 28, 1] }));

const batches = data.loader(train, { batch: 64, shuffle: true, seed: 1 });
const schedule = optim.cosineDecay({ lr: 3e-3, steps: epochs * batches.length, warmup: 10 });
const optimizer = new optim.AdamW(model.parameters());

let step = 0;
for (let epoch = 1; epoch <= epochs; epoch++) {
  let sum = 0;
  for await (const { x, target } of batches) {
    optimizer.lr = schedule(step++);
    const loss = scope(() => {
      const loss = nn.crossEntropy(model.forward(x), target);
      loss.backward();
      optimizer.step();
      return loss;
    });
    sum += await loss.item();
    loss.dispose();
  }
  const { accuracy } = await evaluate(model, test, { loss: nn.crossEntropy, metrics: ['accuracy'] });
  console.log(
    `epoch ${epoch}: loss ${(sum / batches.length).toFixed(3)}, test accuracy ${accuracy?.toFixed(3)}`,
  );
}
