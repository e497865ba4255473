// LeNet on images of 28 x 28.
import { classifier } from './classifier.mjs';
import { hebb } from './hebb.mjs';

const { models, optim, randint, seed, uniform } = hebb;
const BATCH = 64;

export const workload = {
  name: 'lenet',
  flops: 145e6,
  params: 61_706,
  build(value) {
    seed(value);
    const model = new models.LeNet();
    const optimizer = new optim.SGD(model.parameters(), { lr: 1e-2, momentum: 0.9 });
    return classifier(model, optimizer, [uniform([BATCH, 28, 28, 1]), randint(0, 10, [BATCH])]);
  },
};
