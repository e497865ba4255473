// A generator and a discriminator of images of 784 values, one update of each in a step, on the same noise.
import { hebb } from './hebb.mjs';

const { nn, noGrad, normal, ones, optim, seed, uniform, zeros } = hebb;
const BATCH = 128;
const NOISE = 100;

const leaky = () => new nn.LeakyReLU({ slope: 0.2 });
const generator = () =>
  nn.sequential(
    new nn.Linear(NOISE, 256),
    leaky(),
    new nn.Linear(256, 512),
    leaky(),
    new nn.Linear(512, 784),
    new nn.Tanh(),
  );
const discriminator = () =>
  nn.sequential(new nn.Linear(784, 512), leaky(), new nn.Linear(512, 256), leaky(), new nn.Linear(256, 1));

export const workload = {
  name: 'gan',
  flops: 1587e6,
  params: 559_632 + 533_505,
  build(value) {
    seed(value);
    const [g, d] = [generator(), discriminator()];
    const optimizers = [g, d].map(model => new optim.Adam(model.parameters(), { lr: 2e-4 }));
    const [optimizerG, optimizerD] = optimizers;
    // The generator runs twice, and its update throws the discriminator's gradients away: as usually written.
    const step = (real, noise = normal([BATCH, NOISE])) => {
      const [yes, no] = [ones([BATCH, 1]), zeros([BATCH, 1])];
      const fakes = noGrad(() => g.forward(noise));
      const lossD = nn.bceWithLogits(d.forward(real), yes).add(nn.bceWithLogits(d.forward(fakes), no));
      lossD.backward();
      optimizerD.step();
      const lossG = nn.bceWithLogits(d.forward(g.forward(noise)), yes);
      lossG.backward();
      optimizerG.step();
      optimizerD.zeroGrad();
      return [lossD, lossG];
    };
    return { models: [g, d], optimizers, inputs: [uniform([BATCH, 784])], noise: [[BATCH, NOISE]], step };
  },
};
