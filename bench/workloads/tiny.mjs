// A network so small that its time is the cost of the calls: four layers of 32 units on 8 rows.
import { classifier } from './classifier.mjs';
import { hebb } from './hebb.mjs';

const { nn, optim, randint, seed, uniform } = hebb;
const BATCH = 8;
const UNITS = 32;
const LAYERS = 4;

export const workload = {
  name: 'tiny',
  // Forward, gradients of the weights, and of the inputs but the first.
  flops: (3 * LAYERS - 1) * 2 * BATCH * UNITS * UNITS,
  params: LAYERS * (UNITS * UNITS + UNITS),
  build(value) {
    seed(value);
    const layers = Array.from({ length: LAYERS }, () => [new nn.Linear(UNITS, UNITS), new nn.ReLU()]);
    const model = nn.sequential(...layers.flat().slice(0, -1));
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    return classifier(model, optimizer, [uniform([BATCH, UNITS]), randint(0, UNITS, [BATCH])]);
  },
};
