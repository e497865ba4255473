// Small whole models with their training steps, for tests that compare eager and compiled runs.
import { nn, optim } from 'hebb';
import type { Tensor } from 'hebb';
import * as ops from '../../ts/ops.gen';

/** A model in training: its step takes the inputs and gives what is compared. */
export interface Training {
  readonly models: readonly nn.Module[];
  readonly inputs: readonly Tensor[];
  readonly step: (...inputs: Tensor[]) => Tensor[];
}

function classifier(
  model: nn.Module & nn.Layer,
  optimizer: { step(): void },
  inputs: readonly Tensor[],
): Training {
  return {
    models: [model],
    inputs,
    step: (x, target) => {
      const loss = nn.crossEntropy(model.forward(x as Tensor), target as Tensor);
      loss.backward();
      optimizer.step();
      return [loss];
    },
  };
}

function mlp(): Training {
  const model = nn.sequential(
    new nn.Linear(20, 33),
    new nn.ReLU(),
    new nn.Linear(33, 17),
    new nn.Tanh(),
    new nn.Linear(17, 5),
  );
  return classifier(model, new optim.Adam(model.parameters(), { lr: 1e-2 }), [
    ops.normal([13, 20]),
    ops.randint(0, 5, [13]),
  ]);
}

function lenet(): Training {
  const model = nn.sequential(
    new nn.Conv2d(1, 6, 5, { padding: 'same' }), new nn.ReLU(), new nn.MaxPool2d(2),
    new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2),
    new nn.Flatten(), new nn.Linear(64, 30), new nn.ReLU(), new nn.Dropout(0.2), new nn.Linear(30, 10),
  ); // prettier-ignore
  return classifier(model, new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }), [
    ops.uniform([6, 16, 16, 1]),
    ops.randint(0, 10, [6]),
  ]);
}

class Block extends nn.Module {
  first: nn.Conv2d;
  firstNorm: nn.BatchNorm2d;
  second: nn.Conv2d;
  secondNorm: nn.BatchNorm2d;
  shortcut: nn.Sequential | undefined;

  constructor(inputs: number, outputs: number, stride: number) {
    super();
    this.first = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.firstNorm = new nn.BatchNorm2d(outputs);
    this.second = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
    this.secondNorm = new nn.BatchNorm2d(outputs);
    if (stride !== 1 || inputs !== outputs) {
      this.shortcut = nn.sequential(
        new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }),
        new nn.BatchNorm2d(outputs),
      );
    }
  }

  forward(x: Tensor): Tensor {
    const y = ops.relu(this.firstNorm.forward(this.first.forward(x)));
    return ops.relu(this.secondNorm.forward(this.second.forward(y)).add(this.shortcut?.forward(x) ?? x));
  }
}

function resnet(): Training {
  const model = nn.sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(8), new nn.ReLU(),
    new Block(8, 8, 1), new Block(8, 16, 2), new Block(16, 16, 1), new nn.GlobalAvgPool2d(), new nn.Linear(16, 4),
  ); // prettier-ignore
  return classifier(model, new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }), [
    ops.uniform([5, 12, 12, 3]),
    ops.randint(0, 4, [5]),
  ]);
}

class CharLstm extends nn.Module {
  embedding = new nn.Embedding(11, 9);
  lstm = new nn.LSTM(9, 19);
  head = new nn.Linear(19, 11);

  forward(ids: Tensor): Tensor {
    return this.head.forward(this.lstm.forward(this.embedding.forward(ids)).output).reshape([-1, 11]);
  }
}

function charLstm(): Training {
  const model = new CharLstm();
  return classifier(model, new optim.Adam(model.parameters(), { lr: 1e-2 }), [
    ops.randint(0, 11, [4, 7]),
    ops.randint(0, 11, [28]),
  ]);
}

class TransformerBlock extends nn.Module {
  norm = new nn.LayerNorm([16]);
  attention = new nn.MultiheadAttention(16, 4);
  feedNorm = new nn.LayerNorm([16]);
  feed = nn.sequential(new nn.Linear(16, 40), new nn.GELU(), new nn.Linear(40, 16));
  dropout = new nn.Dropout(0.1);

  forward(x: Tensor): Tensor {
    const normed = this.norm.forward(x);
    const attended = this.attention.forward(normed, normed, normed, { causal: true });
    const y = x.add(this.dropout.forward(attended));
    return y.add(this.dropout.forward(this.feed.forward(this.feedNorm.forward(y))));
  }
}

class Transformer extends nn.Module {
  embedding = new nn.Embedding(12, 16);
  positions = nn.parameter([6, 16], target => target.assign(ops.zeros([6, 16])));
  blocks = [new TransformerBlock(), new TransformerBlock()];
  norm = new nn.LayerNorm([16]);
  head = new nn.Linear(16, 12);

  forward(ids: Tensor): Tensor {
    const x = this.embedding.forward(ids).add(this.positions);
    return this.head
      .forward(this.norm.forward(this.blocks.reduce((y, block) => block.forward(y), x)))
      .reshape([-1, 12]);
  }
}

function transformer(): Training {
  const model = new Transformer();
  return classifier(model, new optim.AdamW(model.parameters(), { lr: 1e-2 }), [
    ops.randint(0, 12, [3, 6]),
    ops.randint(0, 12, [18]),
  ]);
}

class Vae extends nn.Module {
  encoder = nn.sequential(new nn.Linear(30, 24), new nn.ReLU());
  mean = new nn.Linear(24, 3);
  logVariance = new nn.Linear(24, 3);
  decoder = nn.sequential(new nn.Linear(3, 24), new nn.ReLU(), new nn.Linear(24, 30));
}

function vae(): Training {
  const model = new Vae();
  const optimizer = new optim.Adam(model.parameters());
  return {
    models: [model],
    inputs: [ops.uniform([9, 30])],
    step: x => {
      const h = model.encoder.forward(x as Tensor);
      const [m, v] = [model.mean.forward(h), model.logVariance.forward(h)];
      const z = m.add(ops.normal([9, 3]).mul(v.mul(0.5).exp()));
      const reconstruction = nn.bceWithLogits(model.decoder.forward(z), x as Tensor, { reduction: 'sum' });
      const divergence = v.add(1).sub(m.square()).sub(v.exp()).sum().mul(-0.5);
      const loss = reconstruction.add(divergence);
      loss.backward();
      optimizer.step();
      return [loss, reconstruction];
    },
  };
}

function gan(): Training {
  const leaky = (): nn.LeakyReLU => new nn.LeakyReLU({ slope: 0.2 });
  const generator = nn.sequential(new nn.Linear(6, 20), leaky(), new nn.Linear(20, 15), new nn.Tanh());
  const critic = nn.sequential(new nn.Linear(15, 20), leaky(), new nn.Linear(20, 1));
  const [ofGenerator, ofCritic] = [generator, critic].map(m => new optim.Adam(m.parameters(), { lr: 2e-3 }));
  return {
    models: [generator, critic],
    inputs: [ops.uniform([8, 15])],
    step: real => {
      const z = ops.normal([8, 6]);
      const fake = generator.forward(z).detach();
      const truth = nn.bceWithLogits(critic.forward(real as Tensor), ops.ones([8, 1]));
      const critique = truth.add(nn.bceWithLogits(critic.forward(fake), ops.zeros([8, 1])));
      critique.backward();
      ofCritic?.step();
      const loss = nn.bceWithLogits(critic.forward(generator.forward(z)), ops.ones([8, 1]));
      loss.backward();
      ofGenerator?.step();
      ofCritic?.zeroGrad();
      return [critique, loss];
    },
  };
}

export const models: Readonly<Record<string, () => Training>> = {
  mlp, lenet, 'resnet with batch norm': resnet, 'lstm language model': charLstm, transformer, vae, gan,
}; // prettier-ignore
