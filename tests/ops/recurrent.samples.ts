// Samples of the recurrent layers, against loops over rows, steps and units.
import { call, callWith, ints, nd, normal } from './sample';
import type { Case, FamilySamples, Input, Nd } from './sample';

const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

interface Weights {
  readonly ih: Nd;
  readonly hh: Nd;
  readonly biasIh: Nd | undefined;
  readonly biasHh: Nd | undefined;
}

/** Rows of `weight` times a vector, and the bias. */
function affine(weight: Nd, x: readonly number[], bias: Nd | undefined): number[] {
  const [rows = 0, columns = 0] = weight.shape;
  return Array.from({ length: rows }, (_, i) => {
    let sum = bias?.data[i] ?? 0;
    for (let k = 0; k < columns; k++) sum += (weight.data[i * columns + k] ?? NaN) * (x[k] ?? NaN);
    return sum;
  });
}

type Step = (x: number[], u: number[], h: number[], c: number[]) => { h: number[]; c: number[] };

/** y, the last h and the last c of a recurrence whose steps are given the products of x and of h. */
function sequence(x: Nd, [h0, c0]: readonly [Nd, Nd?], w: Weights, reverse = false, step: Step): Nd[] {
  const [batch = 0, time = 0, features = 0] = x.shape;
  const hidden = h0.shape[1] ?? 0;
  const y = nd([batch, time, hidden], () => NaN);
  const row = (list: Nd | undefined, b: number): number[] => [
    ...(list?.data.slice(b * hidden, (b + 1) * hidden) ?? []),
  ];
  const last = Array.from({ length: batch }, (_, b) => {
    let state = { h: row(h0, b), c: row(c0, b) };
    for (let i = 0; i < time; i++) {
      const t = reverse ? time - 1 - i : i;
      const at = (b * time + t) * features;
      const products = affine(w.ih, [...x.data.slice(at, at + features)], w.biasIh);
      state = step(products, affine(w.hh, state.h, w.biasHh), state.h, state.c);
      y.data.set(state.h, (b * time + t) * hidden);
    }
    return state;
  });
  const states = (of: 'h' | 'c'): Nd => nd(h0.shape, ([b = 0, j = 0]) => last[b]?.[of][j] ?? NaN);
  return c0 === undefined ? [y, states('h')] : [y, states('h'), states('c')];
}

/** Gate `g` of `hidden` units: its products of x and h for unit j. */
const gate = (list: readonly number[], hidden: number, g: number, j: number): number =>
  list[g * hidden + j] ?? NaN;

interface Options {
  readonly reverse?: boolean;
  readonly nonlinearity?: string;
}

type Operands = [x: Nd, h0: Nd, ih: Nd, hh: Nd, biasIh?: Nd, biasHh?: Nd, options?: Options];

function rnn(...[x, h0, ih, hh, biasIh, biasHh, options = {}]: Operands): Nd[] {
  const act = options.nonlinearity === 'relu' ? (z: number): number => Math.max(z, 0) : Math.tanh;
  const step: Step = (a, u) => ({ h: a.map((z, j) => act(z + (u[j] ?? NaN))), c: [] });
  return sequence(x, [h0], { ih, hh, biasIh, biasHh }, options.reverse, step);
}

function gru(...[x, h0, ih, hh, biasIh, biasHh, options = {}]: Operands): Nd[] {
  const step: Step = (a, u, before) => {
    const n = before.length;
    const h = before.map((old, j) => {
      const r = sigmoid(gate(a, n, 0, j) + gate(u, n, 0, j));
      const z = sigmoid(gate(a, n, 1, j) + gate(u, n, 1, j));
      const fresh = Math.tanh(gate(a, n, 2, j) + r * gate(u, n, 2, j));
      return (1 - z) * fresh + z * old;
    });
    return { h, c: [] };
  };
  return sequence(x, [h0], { ih, hh, biasIh, biasHh }, options.reverse, step);
}

function lstm(
  x: Nd,
  h0: Nd,
  c0: Nd,
  ...[ih, hh, biasIh, biasHh, options = {}]: [ih: Nd, hh: Nd, biasIh?: Nd, biasHh?: Nd, options?: Options]
): Nd[] {
  const step: Step = (a, u, _, before) => {
    const n = before.length;
    const z = (g: number, j: number): number => gate(a, n, g, j) + gate(u, n, g, j);
    const c = before.map((old, j) => sigmoid(z(1, j)) * old + sigmoid(z(0, j)) * Math.tanh(z(2, j)));
    return { h: c.map((value, j) => sigmoid(z(3, j)) * Math.tanh(value)), c };
  };
  return sequence(x, [h0, c0], { ih, hh, biasIh, biasHh }, options.reverse, step);
}

interface Extents {
  readonly batch: number;
  readonly time: number;
  readonly features: number;
  readonly hidden: number;
}

/** The operands for these extents: x, the states, the weights, and the biases that are asked for. */
const operands = (n: Extents, gates: number, biases = 'both'): (Input | undefined)[] => {
  const states = gates === 4 ? 2 : 1;
  const bias = normal(gates * n.hidden);
  return [
    normal(n.batch, n.time, n.features),
    ...Array.from({ length: states }, () => normal(n.batch, n.hidden)),
    normal(gates * n.hidden, n.features),
    normal(gates * n.hidden, n.hidden),
    ...(biases === 'both'
      ? [bias, bias]
      : biases === 'ih'
        ? [bias]
        : biases === 'hh'
          ? [undefined, bias]
          : []),
  ];
};

const extents = (batch: number, time: number, features: number, hidden: number): Extents => ({
  batch,
  time,
  features,
  hidden,
});

/** One full case: the options object stands where the biases may be left out. */
const withOptions = (options: Readonly<Record<string, unknown>>, list: (Input | undefined)[]): Case =>
  callWith(options, ...list);

const cases = (gates: number): Case[] => [
  call(...operands(extents(2, 3, 4, 5), gates)),
  call(...operands(extents(1, 1, 1, 1), gates)),
  call(...operands(extents(3, 1, 2, 4), gates)),
  call(...operands(extents(0, 2, 3, 4), gates)),
  call(...operands(extents(2, 2, 0, 3), gates)),
  call(...operands(extents(2, 2, 3, 0), gates)),
  call(...operands(extents(2, 2, 3, 3), gates, 'none')),
  call(...operands(extents(2, 2, 3, 3), gates, 'ih')),
  call(...operands(extents(2, 2, 3, 3), gates, 'hh')),
  call(...operands(extents(2, 3, 2, 16), gates)),
  call(...operands(extents(17, 2, 2, 3), gates)),
  call(...operands(extents(2, 2, 2, 37), gates)),
  withOptions({ reverse: true }, operands(extents(2, 3, 4, 5), gates)),
  withOptions({ reverse: true }, operands(extents(2, 1, 3, 3), gates, 'none')),
];

const large = (gates: number): Case[] => [
  call(...operands(extents(37, 3, 20, 150), gates)),
  withOptions({ reverse: true }, operands(extents(300, 2, 10, 40), gates)),
];

const shapeErrors = (name: string, gates: number): [Case, RegExp][] => {
  const n = extents(2, 3, 4, 5);
  const good = operands(n, gates);
  const rows = gates * 5;
  const weight = gates === 4 ? 3 : 2;
  const tail = 'with x \\[2, 3, 4\\] and 5 hidden units it must be';
  return [
    [
      call(...good.with(0, normal(2, 4))),
      new RegExp(`^${name}: x has shape \\[2, 4\\]; use \\[batch, time, features\\]$`),
    ],
    [
      call(...good.with(0, normal(2, 0, 4))),
      new RegExp(`^${name}: x has shape \\[2, 0, 4\\]; use one time step or more$`),
    ],
    [
      call(...good.with(1, normal(5))),
      new RegExp(`^${name}: h0 has shape \\[5\\]; use \\[batch, hidden\\]$`),
    ],
    [
      call(...good.with(1, normal(3, 5))),
      new RegExp(`^${name}: h0 has shape \\[3, 5\\]; ${tail} \\[2, 5\\]$`),
    ],
    [
      call(...good.with(weight, normal(rows, 3))),
      new RegExp(`^${name}: weightIh has shape \\[${rows}, 3\\]; ${tail} \\[${rows}, 4\\]$`),
    ],
    [
      call(...good.with(weight + 1, normal(5, 5, 5))),
      new RegExp(`^${name}: weightHh has shape \\[5, 5, 5\\]; ${tail} \\[${rows}, 5\\]$`),
    ],
    [
      call(...good.with(weight + 2, normal(6))),
      new RegExp(`^${name}: biasIh has shape \\[6\\]; ${tail} \\[${rows}\\]$`),
    ],
    [
      call(...good.with(weight + 3, normal(6))),
      new RegExp(`^${name}: biasHh has shape \\[6\\]; ${tail} \\[${rows}\\]$`),
    ],
    [call(...good.with(0, ints(0, 3, [2, 3, 4]))), new RegExp(`^${name}: x needs a float dtype, got i32$`)],
  ];
};

export const samples: FamilySamples = {
  rnn: {
    ref: rnn,
    cases: [
      ...cases(1),
      withOptions({ nonlinearity: 'relu' }, operands(extents(2, 3, 4, 5), 1)),
      withOptions({ nonlinearity: 'relu', reverse: true }, operands(extents(3, 2, 2, 19), 1)),
    ],
    large: large(1),
    errors: [
      ...shapeErrors('rnn', 1),
      [
        withOptions({ nonlinearity: 'gelu' }, operands(extents(2, 3, 4, 5), 1)),
        /^rnn: nonlinearity must be one of 'tanh', 'relu', got 'gelu'$/,
      ],
    ],
  },
  lstm: {
    ref: lstm,
    cases: cases(4),
    large: large(4),
    errors: [
      ...shapeErrors('lstm', 4),
      [
        call(...operands(extents(2, 3, 4, 5), 4).with(2, normal(2, 4))),
        /^lstm: c0 has shape \[2, 4\]; with x \[2, 3, 4\] and 5 hidden units it must be \[2, 5\]$/,
      ],
    ],
  },
  gru: { ref: gru, cases: cases(3), large: large(3), errors: shapeErrors('gru', 3) },
};
