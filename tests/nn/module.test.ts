// Modules: which states are found under which names, modes, and loading.
import { nn, noGrad, seed, ShapeError, state, tensor, ValueError } from 'hebb';
import type { State, Tensor } from 'hebb';

class Block extends nn.Module implements nn.Layer {
  readonly linear = new nn.Linear(2, 2);
  readonly shift = state([0, 0]);
  readonly notes = ['not a state', null, 3];

  forward(x: Tensor): Tensor {
    return this.linear.forward(x).add(this.shift);
  }
}

class Net extends nn.Module {
  readonly features = nn.sequential(new nn.Linear(2, 3), new nn.ReLU(), new nn.Linear(3, 2, { bias: false }));
  readonly blocks = [new Block(), new Block()];
  readonly heads: Record<string, nn.Layer> = { a: new nn.Linear(2, 1), b: new nn.Identity() };
  readonly scale = state([1], { requiresGrad: true });
  readonly self: nn.Module = this;
  readonly again = this.scale;
}

test('parameters have the paths of their properties, in order, each once', () => {
  expect(new Net().namedParameters().map(([name]) => name)).toEqual([
    'features.0.weight',
    'features.0.bias',
    'features.2.weight',
    'blocks.0.linear.weight',
    'blocks.0.linear.bias',
    'blocks.1.linear.weight',
    'blocks.1.linear.bias',
    'heads.a.weight',
    'heads.a.bias',
    'scale',
  ]);
});

test('states without gradient are buffers: in the state dict, not among the parameters', () => {
  const net = new Net();
  expect(Object.keys(net.stateDict())).toContain('blocks.1.shift');
  expect(net.parameters()).toHaveLength(10);
  expect(Object.keys(net.stateDict())).toHaveLength(12);
});

test('train and eval reach every module, also in arrays and records', () => {
  const net = new Net();
  expect(net.eval()).toBe(net);
  expect(net.modules()).toHaveLength(11);
  expect(net.modules().map(module => module.training)).toEqual(new Array(11).fill(false));
  net.blocks[1]?.train();
  expect([net.blocks[0]?.training, net.blocks[1]?.linear.training]).toEqual([false, true]);
  expect(
    net
      .namedModules()
      .map(([name]) => name)
      .slice(0, 3),
  ).toEqual(['', 'features', 'features.0']);
});

test('a chain of modules as deep as a list is long is walked', () => {
  class Link extends nn.Module {
    constructor(readonly next: nn.Module | undefined) {
      super();
    }
  }
  let head: nn.Module | undefined;
  for (let i = 0; i < 20_000; i++) head = new Link(head);
  expect(head?.modules()).toHaveLength(20_000);
});

test('a layer by shape alone takes its states along', () => {
  class Plain {
    readonly weight = state([2], { requiresGrad: true });
    forward(x: Tensor): Tensor {
      return x.mul(this.weight);
    }
  }
  const model = nn.sequential(new Plain(), new nn.ReLU());
  expect(model.namedParameters().map(([name]) => name)).toEqual(['0.weight']);
  expect([...model.forward(tensor([3, -1])).readSync()]).toEqual([6, 0]);
});

test('a state dict written into another model makes it equal', () => {
  seed(1);
  const [from, to] = [new Net(), new Net()];
  from.blocks[0]?.shift.assign([5, 6]);
  to.loadStateDict(from.stateDict());
  for (const [name, value] of to.namedStates())
    expect(value.readSync()).toEqual(from.stateDict()[name]?.readSync());
  expect([...(to.blocks[0]?.shift.readSync() ?? [])]).toEqual([5, 6]);
  from.scale.assign([9]);
  expect([...to.scale.readSync()]).toEqual([1]);
});

test('loading names what is missing, unexpected or of another shape, and then writes nothing', () => {
  const linear = new nn.Linear(2, 1);
  const before = linear.weight.readSync();
  const weight = tensor([[7, 7]]);
  expect(() => linear.loadStateDict({ weight, extra: weight })).toThrow(
    new ValueError('loadStateDict', 'missing bias; unexpected extra; strict: false loads what matches'),
  );
  expect(() => linear.loadStateDict({ weight, bias: tensor([1, 2]) })).toThrow(
    new ShapeError('loadStateDict', 'bias has shape [1], got a value of shape [2]; use the same'),
  );
  expect(linear.weight.readSync()).toEqual(before);
  linear.loadStateDict({ weight, extra: weight }, { strict: false });
  expect([...linear.weight.readSync()]).toEqual([7, 7]);
});

test('sequential iterates, counts and refuses what is no layer', () => {
  const relu = new nn.ReLU();
  const model = nn.sequential(relu, new nn.Flatten());
  expect([model.length, model.at(0), model.at(-1)?.constructor, [...model][0]]).toEqual([
    2,
    relu,
    nn.Flatten,
    relu,
  ]);
  const wrong: unknown = 3;
  expect(() => nn.sequential(relu, wrong as nn.Layer)).toThrow(
    /^sequential: argument 1 has no forward\(x\); pass layers$/,
  );
});

test('backward reaches every parameter of a nested model', () => {
  const net = new Net();
  const x = tensor([[1, -2]]);
  const y = net.blocks.reduce((value, block) => block.forward(value), net.features.forward(x));
  const head = net.heads['a'];
  (head ?? new nn.Identity()).forward(y).mul(net.scale).sum().backward();
  const withGrad = (states: State[]): boolean[] => states.map(({ grad }) => grad !== undefined);
  expect(withGrad(net.parameters())).toEqual(new Array(10).fill(true));
  expect(noGrad(() => net.features.forward(x)).requiresGrad).toBe(false);
});
