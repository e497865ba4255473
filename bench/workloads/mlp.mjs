// A multi-layer perceptron on images of 784 values.
import { classifier } from './classifier.mjs';
import { hebb } from './hebb.mjs';

const { nn, optim, randint, seed, uniform } = hebb;
const BATCH = 128;

export const workload = {
  name: 'mlp',
  flops: 129e6,
  params: 235_146,
  build(value) {
    seed(value);
    const model = nn.sequential(
      new nn.Linear(784, 256),
      new nn.ReLU(),
      new nn.Linear(256, 128),
      new nn.ReLU(),
      new nn.Linear(128, 10),
    );
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    return classifier(model, optimizer, [uniform([BATCH, 784]), randint(0, 10, [BATCH])]);
  },
};
