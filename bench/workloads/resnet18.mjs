// ResNet-18 in the form for images of 32 x 32: no pooling after the first convolution.
import { classifier } from './classifier.mjs';
import { hebb, need } from './hebb.mjs';

need('resnet18', 'nn.BatchNorm2d');
const { nn, optim, randint, seed, uniform } = hebb;
const BATCH = 32;

const conv = (from, to, size, stride) =>
  new nn.Conv2d(from, to, size, { stride, padding: (size - 1) / 2, bias: false });

class Block extends nn.Module {
  constructor(from, to, stride) {
    super();
    this.main = nn.sequential(
      conv(from, to, 3, stride),
      new nn.BatchNorm2d(to),
      new nn.ReLU(),
      conv(to, to, 3, 1),
      new nn.BatchNorm2d(to),
    );
    const same = from === to && stride === 1;
    this.shortcut = same
      ? new nn.Identity()
      : nn.sequential(conv(from, to, 1, stride), new nn.BatchNorm2d(to));
  }

  forward(x) {
    return this.main.forward(x).add(this.shortcut.forward(x)).relu();
  }
}

/** The model alone, for what trains it by fit(). */
export function resnet18() {
  const blocks = [
    [64, 1],
    [128, 2],
    [256, 2],
    [512, 2],
  ].flatMap(([width, stride], i) => [
    new Block(i === 0 ? 64 : width / 2, width, stride),
    new Block(width, width, 1),
  ]);
  return nn.sequential(
    conv(3, 64, 3, 1),
    new nn.BatchNorm2d(64),
    new nn.ReLU(),
    ...blocks,
    new nn.GlobalAvgPool2d(),
    new nn.Flatten(),
    new nn.Linear(512, 10),
  );
}

export const workload = {
  name: 'resnet18',
  flops: 106_528e6,
  params: 11_173_962,
  build(value) {
    seed(value);
    const model = resnet18();
    const optimizer = new optim.SGD(model.parameters(), { lr: 1e-2, momentum: 0.9 });
    return classifier(model, optimizer, [uniform([BATCH, 32, 32, 3]), randint(0, 10, [BATCH])]);
  },
};
