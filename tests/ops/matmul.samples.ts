// Samples of the matrix products, against loops over every index.
import { at, broadcastShape, call, callWith, ints, nd, normal, typed } from './sample';
import type { FamilySamples, Nd } from './sample';

const reshaped = (x: Nd, shape: readonly number[]): Nd => ({ data: x.data, shape });

// The sum over k, with a vector on the left as a row and on the right as a column.
function product(a: Nd, b: Nd): Nd {
  if (a.shape.length === 1) {
    const y = product(reshaped(a, [1, ...a.shape]), b);
    return reshaped(
      y,
      y.shape.filter((_, axis) => axis !== Math.max(0, b.shape.length - 2)),
    );
  }
  if (b.shape.length === 1) {
    const y = product(a, reshaped(b, [...b.shape, 1]));
    return reshaped(y, y.shape.slice(0, -1));
  }
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const depth = a.shape.at(-1) ?? 0;
  return nd([...batch, a.shape.at(-2) ?? 0, b.shape.at(-1) ?? 0], index => {
    const [row, column] = index.slice(-2);
    const lead = index.slice(0, -2);
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += at(a, [...lead, row ?? 0, k]) * at(b, [...lead, k, column ?? 0]);
    return sum;
  });
}

const activations: Readonly<Record<string, (z: number) => number>> = {
  none: z => z,
  relu: z => Math.max(z, 0),
  sigmoid: z => 1 / (1 + Math.exp(-z)),
  tanh: Math.tanh,
};

function linear(x: Nd, weight: Nd, bias: Nd | undefined, options: { activation?: string } = {}): Nd {
  const [outputs = 0, inputs = 0] = weight.shape;
  const activate = activations[options.activation ?? 'none'] ?? Math.cbrt;
  const rows = x.shape.slice(0, -1);
  return nd([...rows, outputs], (index, flat) => {
    const row = Math.floor(flat / outputs);
    const j = index.at(-1) ?? 0;
    let sum = bias?.data[j] ?? 0;
    for (let k = 0; k < inputs; k++)
      sum += (x.data[row * inputs + k] ?? NaN) * (weight.data[j * inputs + k] ?? NaN);
    return activate(sum);
  });
}

export const samples: FamilySamples = {
  matmul: {
    ref: product,
    cases: [
      call(normal(2, 3), normal(3, 4)),
      call(normal(17, 33), normal(33, 35)),
      call(normal(3), normal(3)),
      call(normal(3), normal(3, 4)),
      call(normal(2, 3), normal(3)),
      call(normal(3), normal(2, 3, 4)),
      call(normal(2, 2, 3), normal(3)),
      call(normal(2, 3, 4), normal(2, 4, 5)),
      call(normal(2, 3, 4), normal(4, 2)),
      call(normal(3, 4), normal(2, 4, 2)),
      call(normal(2, 1, 3, 4), normal(3, 4, 2)),
      call(normal(1, 1), normal(1, 1)),
      call(normal(1, 5), normal(5, 1)),
      call(normal(2, 0), normal(0, 3)),
      call(normal(0, 3), normal(3, 2)),
      call(normal(0, 2, 3), normal(3, 2)),
    ],
    large: [
      call(normal(203, 311), normal(311, 187)),
      call(normal(7, 65, 33), normal(7, 33, 70)),
      call(normal(3, 5000), normal(5000, 10)),
    ],
    errors: [
      [call(normal(2, 3), normal(4, 5)), /^matmul: inner sizes differ: \[2, 3\] x \[4, 5\] \(3 vs 4\)$/],
      [call(normal(3), normal(4)), /^matmul: inner sizes differ: \[3\] x \[4\] \(3 vs 4\)$/],
      [call(normal(), normal(3)), /^matmul: a scalar operand: \[\] x \[3\]; use mul$/],
      [call(ints(0, 5, [2, 2]), ints(0, 5, [2, 2])), /^matmul: a needs a float dtype, got i32$/],
    ],
  },
  linear: {
    ref: linear,
    cases: [
      call(normal(4, 3), normal(2, 3)),
      call(normal(4, 3), normal(2, 3), normal(2)),
      call(normal(3), normal(2, 3), normal(2)),
      call(normal(2, 5, 3), normal(4, 3), normal(4)),
      call(normal(19, 70), normal(33, 70), normal(33)),
      call(normal(0, 3), normal(2, 3), normal(2)),
      call(normal(2, 0), normal(3, 0), normal(3)),
      callWith({ activation: 'relu' }, normal(5, 3), normal(4, 3), normal(4)),
      callWith({ activation: 'sigmoid' }, normal(5, 3), normal(4, 3), normal(4)),
      callWith({ activation: 'tanh' }, normal(5, 3), normal(4, 3), normal(4)),
      callWith({ activation: 'tanh' }, normal(5, 3), normal(4, 3), undefined),
      callWith({ activation: 'none' }, normal(1, 1), normal(1, 1), normal(1)),
    ],
    large: [callWith({ activation: 'relu' }, normal(301, 120), normal(84, 120), normal(84))],
    errors: [
      [
        call(normal(2, 3), normal(4, 5)),
        /^linear: x \[2, 3\] does not fit weight \[4, 5\]; its last axis must be 5$/,
      ],
      [
        call(normal(), normal(4, 5)),
        /^linear: x \[\] does not fit weight \[4, 5\]; its last axis must be 5$/,
      ],
      [
        callWith({ activation: 'gelu' }, normal(2, 3), normal(4, 3), undefined),
        /^linear: activation must be one of 'none', 'relu', 'sigmoid', 'tanh', got 'gelu'$/,
      ],
      [call(normal(2, 3), normal(3)), /^linear: weight is \[3\]; it must be \[out, in\]$/],
      [
        call(normal(2, 3), normal(4, 3), normal(3)),
        /^linear: bias is \[3\]; with weight \[4, 3\] it must be \[4\]$/,
      ],
      [
        call(normal(2, 3), normal(4, 3), typed('i32', normal(4))),
        /^linear: bias needs a float dtype, got i32$/,
      ],
    ],
  },
};
