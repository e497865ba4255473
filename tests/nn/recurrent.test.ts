// Recurrent layers and cells: their parameters, how layers and directions are joined, and what they refuse.
import {
  concat,
  flip,
  nn,
  noGrad,
  normal,
  scope,
  seed,
  setThreads,
  ShapeError,
  stack,
  sum,
  tensor,
  threads,
  ValueError,
  zeros,
} from 'hebb';
import type { State, Tensor } from 'hebb';

const numbers = (x: Tensor | State): number[] => [...x.readSync()].map(Number);

const close = (got: Tensor, want: Tensor): void => {
  expect(got.shape).toEqual(want.shape);
  const list = numbers(want);
  numbers(got).forEach((value, i) => expect(value).toBeCloseTo(list[i] ?? NaN, 5));
};

const draw = (...shape: number[]): Tensor => normal(shape);
const at = (x: Tensor, i: number): Tensor => x.slice([i], [i + 1]).squeeze({ axis: 0 });
const step = (x: Tensor, t: number): Tensor => x.slice([0, t], [x.shape[0] ?? 0, t + 1]).squeeze({ axis: 1 });

beforeEach(() => seed(5));

test('parameters have the names and shapes of PyTorch, and start within 1 / sqrt(hiddenSize)', () => {
  const shapes = (layer: nn.Module): Record<string, readonly number[]> =>
    Object.fromEntries(layer.namedParameters().map(([name, state]) => [name, state.shape]));
  expect(shapes(new nn.LSTM(3, 16, { layers: 2, bidirectional: true }))).toEqual({
    weight_ih_l0: [64, 3],
    weight_hh_l0: [64, 16],
    bias_ih_l0: [64],
    bias_hh_l0: [64],
    weight_ih_l0_reverse: [64, 3],
    weight_hh_l0_reverse: [64, 16],
    bias_ih_l0_reverse: [64],
    bias_hh_l0_reverse: [64],
    weight_ih_l1: [64, 32],
    weight_hh_l1: [64, 16],
    bias_ih_l1: [64],
    bias_hh_l1: [64],
    weight_ih_l1_reverse: [64, 32],
    weight_hh_l1_reverse: [64, 16],
    bias_ih_l1_reverse: [64],
    bias_hh_l1_reverse: [64],
  });
  expect(shapes(new nn.GRU(3, 4, { bias: false }))).toEqual({ weight_ih_l0: [12, 3], weight_hh_l0: [12, 4] });
  expect(shapes(new nn.RNN(3, 4, { bias: false }))).toEqual({ weight_ih_l0: [4, 3], weight_hh_l0: [4, 4] });
  expect(shapes(new nn.GRUCell(3, 4))).toEqual({
    weight_ih: [12, 3],
    weight_hh: [12, 4],
    bias_ih: [12],
    bias_hh: [12],
  });
  const layer = new nn.LSTM(20, 16);
  for (const state of layer.parameters()) {
    const list = numbers(state).map(Math.abs);
    const largest = Math.max(...list);
    expect(largest).toBeLessThanOrEqual(0.25);
    expect(largest).toBeGreaterThan(0.2);
  }
});

test('one unit follows the formula', () => {
  const layer = new nn.RNN(1, 1, { nonlinearity: 'relu' });
  const { weights } = layer;
  weights['weight_ih_l0']?.assign([[2]]);
  weights['weight_hh_l0']?.assign([[3]]);
  weights['bias_ih_l0']?.assign([1]);
  weights['bias_hh_l0']?.assign([-2]);
  const { output, hidden } = layer.forward(tensor([[[1], [0], [-9]]]), { hidden: tensor([[[5]]]) });
  expect(numbers(output)).toEqual([16, 47, 122]);
  expect(numbers(hidden)).toEqual([122]);
});

test('layers are given what the layer below gave', () => {
  const both = new nn.LSTM(3, 5, { layers: 2 });
  const [lower, upper] = [new nn.LSTM(3, 5), new nn.LSTM(5, 5)];
  for (const [name, state] of Object.entries(both.weights)) {
    const target = name.endsWith('l0') ? lower : upper;
    target.weights[name.replace('_l1', '_l0')]?.assign(state);
  }
  const x = draw(2, 4, 3);
  const [hidden, cell] = [draw(2, 2, 5), draw(2, 2, 5)];
  const part = (i: number) => ({ hidden: hidden.slice([i], [i + 1]), cell: cell.slice([i], [i + 1]) });
  const all = both.forward(x, { hidden, cell });
  const first = lower.forward(x, part(0));
  const second = upper.forward(first.output, part(1));
  close(all.output, second.output);
  close(all.hidden, concat([first.hidden, second.hidden]));
  close(all.cell, concat([first.cell, second.cell]));
});

test('a bidirectional layer is one layer forwards and one backwards in time', () => {
  const both = new nn.GRU(3, 4, { bidirectional: true });
  const [there, back] = [new nn.GRU(3, 4), new nn.GRU(3, 4)];
  for (const [name, state] of Object.entries(both.weights)) {
    const target = name.endsWith('_reverse') ? back : there;
    target.weights[name.replace('_reverse', '')]?.assign(state);
  }
  const x = draw(2, 5, 3);
  const hidden = draw(2, 2, 4);
  const all = both.forward(x, { hidden });
  const first = there.forward(x, { hidden: hidden.slice([0], [1]) });
  const second = back.forward(flip(x, { axis: 1 }), { hidden: hidden.slice([1], [2]) });
  close(all.output, concat([first.output, flip(second.output, { axis: 1 })], { axis: -1 }));
  close(all.hidden, concat([first.hidden, second.hidden]));
});

describe('a sequence in two parts is the sequence', () => {
  const parts = (x: Tensor): [Tensor, Tensor] => {
    const [first, second] = x.split([3, 4], { axis: 1 });
    return [first ?? x, second ?? x];
  };

  test('of an LSTM', () => {
    const layer = new nn.LSTM(3, 6, { layers: 2 });
    const x = draw(2, 7, 3);
    const whole = layer.forward(x);
    const [head, tail] = parts(x);
    const begun = layer.forward(head);
    const rest = layer.forward(tail, begun);
    close(concat([begun.output, rest.output], { axis: 1 }), whole.output);
    close(rest.hidden, whole.hidden);
    close(rest.cell, whole.cell);
  });

  test.each([
    ['an RNN', new nn.RNN(3, 6)],
    ['a GRU', new nn.GRU(3, 6, { layers: 2, bias: false })],
  ])('of %s', (_, layer) => {
    const x = draw(2, 7, 3);
    const whole = layer.forward(x);
    const [head, tail] = parts(x);
    const begun = layer.forward(head);
    const rest = layer.forward(tail, begun);
    close(concat([begun.output, rest.output], { axis: 1 }), whole.output);
    close(rest.hidden, whole.hidden);
  });
});

describe('cells step by step give what the layer gives', () => {
  const x = draw(2, 4, 3);

  const adopt = (cell: nn.Module, weights: nn.LSTM['weights']): void =>
    cell.loadStateDict(
      Object.fromEntries(Object.entries(weights).map(([name, state]) => [name.replace('_l0', ''), state])),
    );

  test.each([
    ['RNNCell', new nn.RNN(3, 5), new nn.RNNCell(3, 5)],
    [
      'RNNCell with relu',
      new nn.RNN(3, 5, { nonlinearity: 'relu' }),
      new nn.RNNCell(3, 5, { nonlinearity: 'relu' }),
    ],
    ['GRUCell', new nn.GRU(3, 5), new nn.GRUCell(3, 5)],
    ['GRUCell without biases', new nn.GRU(3, 5, { bias: false }), new nn.GRUCell(3, 5, { bias: false })],
  ])('%s', (_, layer, cell) => {
    adopt(cell, layer.weights);
    let hidden: Tensor | undefined;
    const outputs = [0, 1, 2, 3].map(t => (hidden = cell.forward(step(x, t), hidden)));
    close(stack(outputs, { axis: 1 }), layer.forward(x).output);
  });

  test('LSTMCell', () => {
    const layer = new nn.LSTM(3, 5);
    const cell = new nn.LSTMCell(3, 5);
    adopt(cell, layer.weights);
    let state: nn.LstmCellState | undefined;
    const outputs = [0, 1, 2, 3].map(t => (state = cell.forward(step(x, t), state)).hidden);
    const whole = layer.forward(x);
    close(stack(outputs, { axis: 1 }), whole.output);
    if (state !== undefined) close(state.cell, at(whole.cell, 0));
  });
});

test('dropout acts between layers, while training', () => {
  const layer = new nn.RNN(3, 4, { layers: 2, dropout: 1 });
  const same = new nn.RNN(3, 4, { layers: 2 });
  same.loadStateDict(layer.stateDict());
  const x = draw(2, 3, 3);
  const trained = layer.forward(x);
  close(at(trained.hidden, 0), at(same.forward(x).hidden, 0));
  const upper = new nn.RNN(4, 4);
  for (const [name, state] of Object.entries(layer.weights)) {
    if (name.endsWith('_l1')) upper.weights[name.replace('_l1', '_l0')]?.assign(state);
  }
  close(trained.output, upper.forward(zeros([2, 3, 4])).output);
  close(layer.eval().forward(x).output, same.forward(x).output);
});

test('every parameter gets a gradient, the same for any number of threads', () => {
  const before = threads();
  const layer = new nn.GRU(30, 70, { layers: 2, bidirectional: true });
  const x = draw(40, 5, 30);
  const gradients = (count: number): number[][] => {
    setThreads(count);
    for (const state of layer.parameters()) state.grad = undefined;
    scope(() => sum(layer.forward(x).output.square()).backward());
    return layer.parameters().map(state => numbers(state.grad ?? zeros([0])));
  };
  const [one, two] = [gradients(1), gradients(2)];
  setThreads(before);
  expect(one).toHaveLength(16);
  for (const list of one) expect(Math.max(...list.map(Math.abs))).toBeGreaterThan(0);
  expect(two).toEqual(one);
});

test('x in f16 and without a batch', () => {
  const layer = new nn.LSTM(3, 4);
  const { output, hidden } = noGrad(() => layer.forward(draw(0, 2, 3)));
  expect([output.shape, hidden.shape]).toEqual([
    [0, 2, 4],
    [1, 0, 4],
  ]);
  expect(layer.forward(draw(1, 2, 3).cast('f16')).output.dtype).toBe('f32');
});

const bad: unknown = 'gelu';

test.each<[string, () => unknown, string]>([
  ['no units', () => new nn.RNN(3, 0), 'RNN: hiddenSize must be a positive integer, got 0'],
  ['no inputs', () => new nn.GRUCell(0, 3), 'GRUCell: inputSize must be a positive integer, got 0'],
  ['no layers', () => new nn.LSTM(3, 3, { layers: 0 }), 'LSTM: layers must be a positive integer, got 0'],
  [
    'a wrong dropout',
    () => new nn.GRU(3, 3, { dropout: 2 }),
    'GRU: dropout must be a probability in 0..1, got 2',
  ],
  [
    'a wrong nonlinearity',
    () => new nn.RNN(3, 3, { nonlinearity: bad as 'tanh' }),
    "RNN: nonlinearity must be 'tanh' or 'relu', got 'gelu'",
  ],
  [
    'an option of another layer',
    () => new nn.LSTM(3, 3, { nonlinearity: 'relu' } as object),
    'LSTM: has no option nonlinearity; use layers, bias, bidirectional, dropout',
  ],
  [
    'an option of another cell',
    () => new nn.GRUCell(3, 3, { layers: 2 } as object),
    'GRUCell: has no option layers; use bias',
  ],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(ValueError);
  expect(make).toThrow(message);
});

test.each<[string, () => unknown, string]>([
  [
    'a matrix',
    () => new nn.RNN(3, 4).forward(zeros([2, 3])),
    'RNN: x has shape [2, 3]; use [batch, time, 3]',
  ],
  [
    'another number of features',
    () => new nn.LSTM(3, 4).forward(zeros([2, 5, 4])),
    'LSTM: x has shape [2, 5, 4]; use [batch, time, 3]',
  ],
  [
    'no time',
    () => new nn.GRU(3, 4).forward(zeros([2, 0, 3])),
    'gru: x has shape [2, 0, 3]; use one time step or more',
  ],
  [
    'a state without an axis of layers',
    () => new nn.GRU(3, 4).forward(zeros([2, 5, 3]), { hidden: zeros([2, 4]) }),
    'GRU: hidden has shape [2, 4]; use [1, 2, 4]',
  ],
  [
    'a cell of another batch',
    () =>
      new nn.LSTM(3, 4, { layers: 2 }).forward(zeros([2, 5, 3]), {
        hidden: zeros([2, 2, 4]),
        cell: zeros([2, 3, 4]),
      }),
    'LSTM: cell has shape [2, 3, 4]; use [2, 2, 4]',
  ],
  [
    'a sequence for a cell',
    () => new nn.RNNCell(3, 4).forward(zeros([2, 5, 3])),
    'RNNCell: x has shape [2, 5, 3]; use [batch, 3]',
  ],
  [
    'a state for another cell',
    () => new nn.LSTMCell(3, 4).forward(zeros([2, 3]), { hidden: zeros([2, 4]), cell: zeros([2, 5]) }),
    'LSTMCell: cell has shape [2, 5]; use [2, 4]',
  ],
])('%s is refused as x or state', (_, make, message) => {
  expect(make).toThrow(ShapeError);
  expect(make).toThrow(message);
});
