// MultiheadAttention against loops in plain numbers; names, masks, dropout, refusals.
import { grad, nn, normal, seed, ShapeError, tensor, ValueError, zeros } from 'hebb';
import type { State, Tensor } from 'hebb';

const numbers = (x: Tensor | State): number[] => Array.from(x.readSync(), Number);
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

type Matrix = number[][];

const matrix = (x: Tensor | State): Matrix => {
  const [rows = 0, columns = 0] = x.shape.slice(-2);
  const list = numbers(x);
  return range(rows).map(i => list.slice(i * columns, (i + 1) * columns));
};
const vector = (x: State | undefined, size: number): number[] =>
  x === undefined ? range(size).map(() => 0) : numbers(x);
const project = (x: Matrix, weight: Matrix, bias: number[]): Matrix =>
  x.map(row => weight.map((w, j) => sum(w.map((value, k) => value * (row[k] ?? NaN))) + (bias[j] ?? NaN)));

/** One sequence through the layer; `seen` says what a query attends to. */
function reference(
  layer: nn.MultiheadAttention,
  [query, key, value]: readonly [Matrix, Matrix, Matrix],
  seen: (i: number, j: number) => boolean = () => true,
): { output: Matrix; weights: Matrix } {
  const { embed, heads } = layer;
  const states: Record<string, State | undefined> = layer.stateDict();
  const all = states['in_proj_weight'];
  const bias = vector(states['in_proj_bias'], 3 * embed);
  const [q = [], k = [], v = []] = [query, key, value].map((x, part) => {
    const own = states[`${'qkv'[part] ?? ''}_proj_weight`];
    const weight =
      all === undefined ? matrix(own ?? zeros([])) : matrix(all).slice(part * embed, (part + 1) * embed);
    return project(x, weight, bias.slice(part * embed, (part + 1) * embed));
  });
  const depth = embed / heads;
  const weights = query.map(() => key.map(() => 0));
  const joined = query.map(() => range(embed).map(() => 0));
  for (const head of range(heads)) {
    const cut = (row: number[] = []): number[] => row.slice(head * depth, (head + 1) * depth);
    q.forEach((row, i) => {
      const scores = k.map((other, j) =>
        seen(i, j) ? sum(cut(row).map((x, d) => x * (cut(other)[d] ?? NaN))) / Math.sqrt(depth) : -Infinity,
      );
      const exps = scores.map(Math.exp);
      exps.forEach((e, j) => {
        const share = e / sum(exps);
        (weights[i] ?? [])[j] = ((weights[i] ?? [])[j] ?? NaN) + share / heads;
        cut(v[j]).forEach((x, d) => {
          const to = joined[i] ?? [];
          to[head * depth + d] = (to[head * depth + d] ?? NaN) + share * x;
        });
      });
    });
  }
  const { weight, bias: shift } = layer.outProj;
  return { output: project(joined, matrix(weight), vector(shift, embed)), weights };
}

const expectClose = (x: Tensor, want: Matrix): void => {
  const got = numbers(x);
  expect(got.length).toBe(want.flat().length);
  want.flat().forEach((value, i) => expect(got[i]).toBeCloseTo(value, 5));
};

const sequence = (time: number, features: number): Tensor => normal([1, time, features]);

beforeEach(() => seed(5));

/** A layer whose biases are not zero. */
function layerOf(...args: ConstructorParameters<typeof nn.MultiheadAttention>): nn.MultiheadAttention {
  const layer = new nn.MultiheadAttention(...args);
  for (const bias of [layer.inProjBias, layer.outProj.bias]) if (bias !== undefined) nn.init.normal(bias);
  return layer;
}

test('self-attention is its formula, causal or not', () => {
  const layer = layerOf(6, 2);
  const x = sequence(5, 6);
  const inputs = [matrix(x), matrix(x), matrix(x)] as const;
  expectClose(layer.forward(x), reference(layer, inputs).output);
  expectClose(layer.forward(x, x, x, { causal: true }), reference(layer, inputs, (i, j) => j <= i).output);
});

test('attention to another sequence, without biases, and with other features', () => {
  const [x, y, z] = [sequence(4, 6), sequence(3, 6), sequence(3, 6)];
  const plain = layerOf(6, 3, { bias: false });
  expect(plain.inProjBias).toBeUndefined();
  expect(plain.outProj.bias).toBeUndefined();
  expectClose(plain.forward(x, y, z), reference(plain, [matrix(x), matrix(y), matrix(z)]).output);
  expectClose(plain.forward(x, y), reference(plain, [matrix(x), matrix(y), matrix(y)]).output);
  const [k, v] = [sequence(3, 5), sequence(3, 2)];
  const other = layerOf(6, 2, { kdim: 5, vdim: 2 });
  expectClose(other.forward(x, k, v), reference(other, [matrix(x), matrix(k), matrix(v)]).output);
});

test('masks: true attends, numbers are added; the weights are the mean over heads', () => {
  const layer = layerOf(4, 2);
  const x = sequence(3, 4);
  const seen = [true, false, true];
  const want = reference(layer, [matrix(x), matrix(x), matrix(x)], (_, j) => seen[j] ?? false);
  const mask = tensor(seen, { dtype: 'bool' });
  const [output, weights] = layer.forward(x, x, x, { mask, needWeights: true });
  expect(weights.shape).toEqual([1, 3, 3]);
  expectClose(output, want.output);
  expectClose(weights, want.weights);
  expectClose(layer.forward(x, x, x, { mask: tensor([0, -Infinity, 0]) }), want.output);
});

test('names and starts are those of PyTorch', () => {
  const shapes = (layer: nn.Module): [string, readonly number[]][] =>
    layer.namedParameters().map(([name, { shape }]) => [name, shape]);
  const layer = new nn.MultiheadAttention(32, 4);
  expect(Object.fromEntries(shapes(layer))).toEqual({
    in_proj_weight: [96, 32],
    in_proj_bias: [96],
    'out_proj.weight': [32, 32],
    'out_proj.bias': [32],
  });
  expect(Object.fromEntries(shapes(new nn.MultiheadAttention(8, 2, { kdim: 3 })))).toEqual({
    q_proj_weight: [8, 8],
    k_proj_weight: [8, 3],
    v_proj_weight: [8, 8],
    in_proj_bias: [24],
    'out_proj.weight': [8, 8],
    'out_proj.bias': [8],
  });
  const { in_proj_weight: weight, in_proj_bias: bias } = layer.stateDict();
  const bound = Math.sqrt(6 / (96 + 32));
  const values = numbers(weight ?? zeros([]));
  expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(bound);
  expect(Math.max(...values)).toBeGreaterThan(0.95 * bound);
  expect(new Set(numbers(bias ?? zeros([])))).toEqual(new Set([0]));
  expect(new Set(vector(layer.outProj.bias, 0))).toEqual(new Set([0]));
  const copy = new nn.MultiheadAttention(32, 4);
  copy.loadStateDict(layer.stateDict());
  expect(numbers(copy.inProjWeight ?? zeros([]))).toEqual(values);
});

test('weights are dropped while training alone', () => {
  const layer = layerOf(4, 1, { dropout: 0.5 });
  const x = sequence(8, 4);
  const want = reference(layer, [matrix(x), matrix(x), matrix(x)]);
  const first = numbers(layer.forward(x));
  expect(numbers(layer.forward(x))).not.toEqual(first);
  expectClose(layer.forward(x, x, x, { needWeights: true })[1], want.weights);
  expectClose(layer.eval().forward(x), want.output);
});

test('all parameters get gradients, those of the fused kernel and of plain ops alike', () => {
  const layer = layerOf(6, 2);
  const x = normal([2, 5, 6]);
  const all = tensor([true], { dtype: 'bool' });
  const gradients = (mask?: Tensor): number[][] => {
    layer.forward(x, x, x, { causal: true, mask }).square().sum().backward();
    return layer.parameters().map(param => {
      const { grad: own } = param;
      param.grad = undefined;
      return own === undefined ? [] : numbers(own);
    });
  };
  const [fused, plain] = [gradients(), gradients(all)];
  expect(fused.map(list => list.length)).toEqual(layer.parameters().map(({ size }) => size));
  fused.forEach((list, k) =>
    list.forEach((value, i) => {
      expect(Math.abs(value - (plain[k]?.[i] ?? NaN))).toBeLessThan(1e-4);
    }),
  );
  expect(Math.max(...fused.flat().map(Math.abs))).toBeGreaterThan(0.1);
});

test('an empty sequence gives an empty one, without keys the output is its bias', () => {
  const layer = layerOf(4, 2);
  expect(layer.forward(zeros([2, 0, 4])).shape).toEqual([2, 0, 4]);
  const y = layer.forward(zeros([1, 2, 4]), zeros([1, 0, 4]));
  const bias = vector(layer.outProj.bias, 4);
  expectClose(y, [bias, bias]);
  const slope = grad((x: Tensor) => layer.forward(x, zeros([1, 0, 4])).sum())(zeros([1, 2, 4]));
  expect(new Set(numbers(slope))).toEqual(new Set([0]));
});

test.each<[string, () => unknown, Error]>([
  [
    'heads',
    () => new nn.MultiheadAttention(6, 4),
    new ValueError('MultiheadAttention', 'heads 4 must divide embed 6'),
  ],
  [
    'embed',
    () => new nn.MultiheadAttention(0, 1),
    new ValueError('MultiheadAttention', 'embed must be a positive integer, got 0'),
  ],
  [
    'dropout',
    () => new nn.MultiheadAttention(4, 1, { dropout: 2 }),
    new ValueError('MultiheadAttention', 'dropout must be a probability in 0..1, got 2'),
  ],
  [
    'rank',
    () => new nn.MultiheadAttention(4, 1).forward(zeros([3, 4])),
    new ShapeError('MultiheadAttention', 'query has shape [3, 4]; use [batch, time, 4]'),
  ],
  [
    'features',
    () => new nn.MultiheadAttention(4, 1, { kdim: 3 }).forward(zeros([1, 3, 4])),
    new ShapeError('MultiheadAttention', 'key has shape [1, 3, 4]; use [batch, time, 3]'),
  ],
  [
    'an option',
    () =>
      new nn.MultiheadAttention(4, 1).forward(zeros([1, 3, 4]), undefined, undefined, { masks: 1 } as object),
    new ValueError('MultiheadAttention.forward', 'has no option masks; use mask, causal, needWeights'),
  ],
])('%s is refused', (_, make, error) => {
  expect(make).toThrow(error);
});
