// Samples of softmax and cross-entropy, against sums over each row.
import { call, callWith, ints, nd, normal, typed, uniform, values } from './sample';
import type { Case, FamilySamples, Nd } from './sample';

const flatten = (shape: readonly number[], index: readonly number[]): number =>
  shape.reduce((flat, extent, axis) => flat * extent + (index[axis] ?? 0), 0);

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

/** log(sum(exp(list))). */
function logSum(list: readonly number[]): number {
  const top = Math.max(...list);
  return top + Math.log(sum(list.map(x => Math.exp(x - top))));
}

function logSoftmax(x: Nd, { axis = -1 }: { axis?: number } = {}): Nd {
  const at = axis < 0 ? axis + x.shape.length : axis;
  return nd(x.shape, (index, flat) => {
    const slice = Array.from(
      { length: x.shape[at] ?? 0 },
      (_, i) => x.data[flatten(x.shape, index.with(at, i))] ?? NaN,
    );
    return (x.data[flat] ?? NaN) - logSum(slice);
  });
}

function softmax(x: Nd, options?: { axis?: number }): Nd {
  const logs = logSoftmax(x, options);
  return { data: logs.data.map(Math.exp), shape: logs.shape };
}

interface LossOptions {
  readonly ignoreIndex?: number;
  readonly labelSmoothing?: number;
  readonly reduction?: string;
}

/** The cost of one row whose target is a distribution over the classes. */
function rowLoss(
  logits: readonly number[],
  weights: readonly number[],
  target: readonly number[],
  smoothing: number,
): number {
  const all = logSum(logits);
  return sum(
    logits.map((x, c) => {
      const share = (1 - smoothing) * (target[c] ?? NaN) + smoothing / logits.length;
      return share * (weights[c] ?? NaN) * (all - x);
    }),
  );
}

function crossEntropy(logits: Nd, target: Nd, weight: Nd | undefined, options: LossOptions = {}): Nd {
  const { ignoreIndex = -100, labelSmoothing = 0, reduction = 'mean' } = options;
  const classes = logits.shape.at(-1) ?? 0;
  const shape = logits.shape.slice(0, -1);
  const hasIds = target.shape.length < logits.shape.length;
  const weights = Array.from({ length: classes }, (_, c) =>
    weight === undefined ? 1 : (weight.data[c] ?? NaN),
  );
  let divisor = 0;
  const losses = nd(shape, (_, row) => {
    const own = [...logits.data.slice(row * classes, (row + 1) * classes)];
    const id = target.data[row] ?? NaN;
    if (hasIds && id === ignoreIndex) return 0;
    divisor += hasIds ? (weights[id] ?? NaN) : 1;
    const distribution = hasIds
      ? own.map((_, c) => Number(c === id))
      : [...target.data.slice(row * classes, (row + 1) * classes)];
    return rowLoss(own, weights, distribution, labelSmoothing);
  });
  if (reduction === 'none') return losses;
  const total = sum([...losses.data]);
  return { data: Float64Array.of(reduction === 'sum' ? total : total / divisor), shape: [] };
}

const rowCases = [
  call(normal(5)),
  call(normal(3, 4)),
  callWith({ axis: 0 }, normal(3, 4)),
  callWith({ axis: 1 }, normal(2, 5, 3)),
  callWith({ axis: -3 }, normal(2, 5, 3)),
  call(normal(2, 17)),
  call(normal(2, 40)),
  call(uniform(500, 600, 2, 6)),
  call(uniform(-600, -500, 2, 6)),
  call(normal(3, 1)),
  call(normal(1)),
  call(normal(0, 3)),
  call(normal(3, 0)),
  { ...call(values(-Infinity, 0, 1)), noGrad: 'infinite' },
  { ...call(values(1, NaN, 2)), noGrad: 'NaN' },
];

const rowErrors = (name: string): FamilySamples[string]['errors'] => [
  [
    callWith({ axis: 2 }, normal(2, 3)),
    new RegExp(`^${name}: axis 2 is out of range for shape \\[2, 3\\]; use -2\\.\\.1$`),
  ],
  [call(normal()), new RegExp(`^${name}: axis -1 is out of range for shape \\[\\].*$`)],
  [call(typed('i32', values(1, 2))), new RegExp(`^${name}: x needs a float dtype, got i32$`)],
];

const float32 = (sample: Case): Case => ({ ...sample, dtypes: ['f32'] });
const large = [call(normal(150, 100)), callWith({ axis: 0 }, normal(30, 500))].map(float32);

export const samples: FamilySamples = {
  softmax: { ref: softmax, cases: rowCases, errors: rowErrors('softmax'), large },
  logSoftmax: { ref: logSoftmax, cases: rowCases, errors: rowErrors('logSoftmax'), large },
  crossEntropy: {
    ref: crossEntropy,
    cases: [
      call(normal(4, 5), ints(0, 5, [4])),
      call(normal(3, 20), ints(0, 20, [3], 'i64')),
      call(normal(3, 20), ints(0, 20, [3], 'u8')),
      call(normal(2, 3, 5), ints(0, 5, [2, 3])),
      call(normal(5), ints(0, 5, [])),
      call(normal(1, 1), ints(0, 1, [1])),
      call(normal(6, 5), ints(0, 5, [6]), uniform(0.5, 2, 5)),
      callWith({ reduction: 'sum' }, normal(4, 5), ints(0, 5, [4])),
      callWith({ reduction: 'none' }, normal(2, 2, 5), ints(0, 5, [2, 2])),
      callWith({ ignoreIndex: 1 }, normal(9, 3), ints(0, 3, [9])),
      callWith({ ignoreIndex: 1, reduction: 'none' }, normal(9, 3), ints(0, 3, [9])),
      callWith({ labelSmoothing: 0.1 }, normal(4, 5), ints(0, 5, [4])),
      callWith({ labelSmoothing: 0.2, ignoreIndex: 2, reduction: 'sum' }, normal(9, 3), ints(0, 3, [9])),
      callWith({ labelSmoothing: 0.3, ignoreIndex: 0 }, normal(9, 3), ints(0, 3, [9]), uniform(0.5, 2, 3)),
      callWith({ reduction: 'none' }, normal(4, 5), ints(0, 5, [4]), uniform(0.5, 2, 5)),
      call(normal(4, 5), uniform(0, 1, 4, 5)),
      call(normal(2, 3, 4), uniform(0, 1, 2, 3, 4)),
      callWith({ labelSmoothing: 0.2 }, normal(4, 5), uniform(0, 1, 4, 5), uniform(0.5, 2, 5)),
      callWith({ reduction: 'none' }, normal(4, 5), uniform(0, 1, 4, 5)),
      callWith({ reduction: 'sum' }, normal(0, 5), ints(0, 5, [0])),
      { ...call(normal(0, 5), ints(0, 5, [0])), noGrad: 'a mean of nothing' },
      {
        ...callWith({ ignoreIndex: 0 }, normal(2, 3), typed('i32', values(0, 0))),
        noGrad: 'a mean of nothing',
      },
    ],
    errors: [
      [
        call(normal(2, 4), typed('i32', values(3, 7))),
        /^crossEntropy: target 7 at row 1 is out of range; use 0\.\.3$/,
      ],
      [
        call(normal(2, 4), typed('i64', values(-1, 2))),
        /^crossEntropy: target -1 at row 0 is out of range; use 0\.\.3$/,
      ],
      [
        call(normal(2, 4), ints(0, 4, [3])),
        /^crossEntropy: class ids \[3\] do not fit logits \[2, 4\]; use ids \[2\] or probabilities \[2, 4\]$/,
      ],
      [
        call(normal(2, 4), uniform(0, 1, 2)),
        /^crossEntropy: probabilities \[2\] do not fit logits \[2, 4\]; use ids \[2\] or probabilities \[2, 4\]$/,
      ],
      [
        call(normal(2, 4), ints(0, 4, [2]), normal(3)),
        /^crossEntropy: weight \[3\] does not fit 4 classes; use \[4\]$/,
      ],
      [
        callWith({ labelSmoothing: 1.5 }, normal(2, 4), ints(0, 4, [2])),
        /^crossEntropy: labelSmoothing is 1\.5; use 0\.\.1$/,
      ],
      [call(normal(), ints(0, 4, [])), /^crossEntropy: logits have shape \[\]; use \[\.\., classes\]$/],
      [
        call(typed('i32', values(1, 2)), ints(0, 2, [])),
        /^crossEntropy: logits needs a float dtype, got i32$/,
      ],
    ],
    large: [call(normal(500, 30), ints(0, 30, [500]))].map(float32),
  },
};
