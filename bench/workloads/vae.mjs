// A variational autoencoder of images of 784 values, with 20 latent ones.
import { hebb } from './hebb.mjs';

const { exp, nn, normal, optim, seed, square, uniform } = hebb;
const BATCH = 128;
const LATENT = 20;
const NOISE = [BATCH, LATENT];

class Vae extends nn.Module {
  encoder = nn.sequential(new nn.Linear(784, 400), new nn.ReLU());
  mean = new nn.Linear(400, LATENT);
  logVariance = new nn.Linear(400, LATENT);
  decoder = nn.sequential(new nn.Linear(LATENT, 400), new nn.ReLU(), new nn.Linear(400, 784));

  forward(x, noise) {
    const hidden = this.encoder.forward(x);
    const [m, v] = [this.mean.forward(hidden), this.logVariance.forward(hidden)];
    const z = m.add(noise.mul(exp(v.mul(0.5))));
    return { logits: this.decoder.forward(z), m, v };
  }
}

export const workload = {
  name: 'vae',
  flops: 420e6,
  params: 652_824,
  build(value) {
    seed(value);
    const model = new Vae();
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const step = (x, noise = normal(NOISE)) => {
      const { logits, m, v } = model.forward(x, noise);
      const reconstruction = nn.bceWithLogits(logits, x, { reduction: 'sum' });
      const divergence = v.add(1).sub(square(m)).sub(exp(v)).sum().mul(-0.5);
      const loss = reconstruction.add(divergence);
      loss.backward();
      optimizer.step();
      return loss;
    };
    return {
      models: [model],
      optimizers: [optimizer],
      inputs: [uniform([BATCH, 784])],
      noise: [NOISE],
      step,
    };
  },
};
