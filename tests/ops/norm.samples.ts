// Samples of the normalisations: each slice by its own mean and variance, in two passes of float64.
import { call, callWith, nd, normal, size, typed, uniform, values } from './sample';
import type { Case, FamilySamples, Input, Nd } from './sample';

interface NormOptions {
  readonly eps?: number;
  readonly shape?: readonly number[];
}

const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
const variance = (list: readonly number[]): number => mean(list.map(x => (x - mean(list)) ** 2));

const get = (x: Nd | undefined, i: number, fallback: number): number =>
  x === undefined ? fallback : (x.data[i] ?? NaN);

function layerNorm(x: Nd, weight?: Nd, bias?: Nd, { eps = 1e-5, shape = [] }: NormOptions = {}): Nd {
  const own = shape.length > 0 ? shape : (weight?.shape ?? bias?.shape ?? x.shape.slice(-1));
  const n = size(own);
  return nd(x.shape, (_, flat) => {
    const first = flat - (flat % n);
    const row = [...x.data.slice(first, first + n)];
    const hat = ((x.data[flat] ?? NaN) - mean(row)) / Math.sqrt(variance(row) + eps);
    return hat * get(weight, flat % n, 1) + get(bias, flat % n, 0);
  });
}

const column = (x: Nd, channel: number): number[] =>
  [...x.data].filter((_, i) => i % (x.shape.at(-1) ?? 0) === channel);

type EvalArgs = [x: Nd, center: Nd, spread: Nd, weight?: Nd, bias?: Nd, options?: NormOptions];

function batchNormEval(...[x, center, spread, weight, bias, { eps = 1e-5 } = {}]: EvalArgs): Nd {
  return nd(x.shape, (index, flat) => {
    const c = index.at(-1) ?? 0;
    const hat = ((x.data[flat] ?? NaN) - get(center, c, NaN)) / Math.sqrt(get(spread, c, NaN) + eps);
    return hat * get(weight, c, 1) + get(bias, c, 0);
  });
}

function batchNorm(x: Nd, weight?: Nd, bias?: Nd, options: NormOptions = {}): Nd[] {
  const channels = [x.shape.at(-1) ?? 0];
  const center = nd(channels, (_, c) => mean(column(x, c)));
  const spread = nd(channels, (_, c) => variance(column(x, c)));
  return [batchNormEval(x, center, spread, weight, bias, options), center, spread];
}

interface UpdateOptions {
  readonly momentum?: number;
  readonly cumulative?: boolean;
}

function batchNormUpdate(
  [center, spread, updates]: [Nd, Nd, Nd],
  fresh: Nd,
  freshSpread: Nd,
  count: number,
  { momentum = 0.1, cumulative = false }: UpdateOptions = {},
): Nd[] {
  const after = (updates.data[0] ?? NaN) + 1;
  const m = cumulative ? 1 / after : momentum;
  return [
    nd(center.shape, (_, c) => (1 - m) * get(center, c, NaN) + m * get(fresh, c, NaN)),
    nd(spread.shape, (_, c) => {
      const unbiased = (get(freshSpread, c, NaN) * count) / (count - 1);
      return (1 - m) * get(spread, c, NaN) + m * unbiased;
    }),
    nd(updates.shape, () => after),
  ];
}

const float32 = (sample: Case): Case => ({ ...sample, dtypes: ['f32'] });
const positive = (...shape: number[]): Input => uniform(0.5, 2, ...shape);
const running = (dtype: string, count = 3, updates = typed('i64', values(4))): Input[] => [
  typed(dtype, normal(count)),
  typed(dtype, positive(count)),
  updates,
];

// The mean, rounded to narrow dtypes, is off by too much of the spread.
const far = (sample: Case): Case => ({ ...sample, dtypes: ['f64'] });

export const samples: FamilySamples = {
  layerNorm: {
    ref: layerNorm,
    cases: [
      call(normal(3, 5)),
      call(normal(2, 3, 4), normal(4)),
      call(normal(2, 3, 4), undefined, normal(4)),
      call(normal(2, 3, 4), normal(4), normal(4)),
      call(normal(2, 3, 4), normal(3, 4), normal(3, 4)),
      callWith({ shape: [2, 3, 4], eps: 0.1 }, normal(2, 3, 4)),
      callWith({ shape: [3, 4] }, normal(2, 3, 4), normal(3, 4)),
      call(normal(7, 33), normal(33), normal(33)),
      call(normal(70, 3), normal(3), normal(3)),
      call(normal(2, 130), normal(130)),
      call(normal(6)),
      call(normal(3, 1), normal(1), normal(1)),
      call(normal(1)),
      call(normal(0, 3), normal(3), normal(3)),
      call(normal(3, 0)),
      far(call(uniform(100, 101, 3, 20))),
      { ...call(values(1, NaN, 2)), noGrad: 'NaN' },
    ],
    errors: [
      [call(normal()), /^layerNorm: x has shape \[\]; use at least one axis$/],
      [
        callWith({ shape: [2] }, normal(2, 3)),
        /^layerNorm: shape \[2\] is not how x \[2, 3\] ends; use its last extents$/,
      ],
      [
        call(normal(2, 3), normal(4)),
        /^layerNorm: shape \[4\] is not how x \[2, 3\] ends; use its last extents$/,
      ],
      [
        callWith({ shape: [1, 2, 3] }, normal(2, 3)),
        /^layerNorm: shape has 3 extents, x \[2, 3\]; use its last extents$/,
      ],
      [
        callWith({ shape: [2, 3] }, normal(2, 3), normal(3)),
        /^layerNorm: weight has shape \[3\]; use \[2, 3\]$/,
      ],
      [call(normal(2, 3), normal(3), normal(1)), /^layerNorm: bias has shape \[1\]; use \[3\]$/],
      [callWith({ eps: -1 }, normal(2, 3)), /^layerNorm: eps is -1; use a finite number of 0 or more$/],
      [call(typed('i32', values(1, 2))), /^layerNorm: x needs a float dtype, got i32$/],
    ],
    large: [call(normal(700, 65), normal(65), normal(65)), call(normal(9, 9000))].map(float32),
  },
  batchNorm: {
    ref: batchNorm,
    resultDType: {
      f32: ['f32', 'f32', 'f32'],
      f64: ['f64', 'f64', 'f64'],
      f16: ['f16', 'f32', 'f32'],
      bf16: ['bf16', 'f32', 'f32'],
    },
    cases: [
      call(normal(5, 3)),
      call(normal(5, 3), normal(3)),
      call(normal(5, 3), undefined, normal(3)),
      call(normal(2, 3, 4), normal(4), normal(4)),
      callWith({ eps: 0.1 }, normal(2, 3, 2, 5), normal(5), normal(5)),
      call(normal(3, 5, 7, 1), normal(1), normal(1)),
      call(normal(9, 66), normal(66), normal(66)),
      call(normal(3, 130), normal(130), normal(130)),
      call(normal(131, 17), normal(17), normal(17)),
      call(normal(4, 64)),
      call(normal(1, 3), normal(3), normal(3)),
      call(normal(1, 1)),
      { ...call(normal(0, 3), normal(3), normal(3)), noGrad: 'a mean of nothing' },
      call(normal(3, 0)),
      far(call(uniform(100, 101, 40, 2))),
    ],
    errors: [
      [call(normal(3)), /^batchNorm: x has shape \[3\]; use \[batch, \.\., channels\]$/],
      [call(normal(2, 3), normal(2)), /^batchNorm: weight has shape \[2\]; use \[3\]$/],
      [call(normal(2, 3), normal(3), normal(2)), /^batchNorm: bias has shape \[2\]; use \[3\]$/],
      [callWith({ eps: NaN }, normal(2, 3)), /^batchNorm: eps is NaN; use a finite number of 0 or more$/],
      [call(typed('i32', values(1, 2))), /^batchNorm: x needs a float dtype, got i32$/],
    ],
    large: [
      call(normal(40, 20, 20, 3), normal(3), normal(3)),
      call(normal(900, 70), normal(70), normal(70)),
      call(normal(300, 300)),
    ].map(float32),
  },
  batchNormEval: {
    ref: batchNormEval,
    cases: [
      call(normal(5, 3), normal(3), positive(3)),
      call(normal(5, 3), normal(3), positive(3), normal(3)),
      call(normal(5, 3), normal(3), positive(3), undefined, normal(3)),
      callWith({ eps: 0.1 }, normal(2, 3, 2, 5), normal(5), positive(5), normal(5), normal(5)),
      call(normal(9, 66), normal(66), positive(66), normal(66), normal(66)),
      call(normal(1, 1), normal(1), positive(1)),
      call(normal(0, 3), normal(3), positive(3), normal(3), normal(3)),
    ],
    errors: [
      [
        call(normal(3), normal(3), positive(3)),
        /^batchNormEval: x has shape \[3\]; use \[batch, \.\., channels\]$/,
      ],
      [call(normal(2, 3), normal(2), positive(3)), /^batchNormEval: mean has shape \[2\]; use \[3\]$/],
      [
        call(normal(2, 3), normal(3), positive(1, 3)),
        /^batchNormEval: variance has shape \[1, 3\]; use \[3\]$/,
      ],
      [
        call(normal(2, 3), normal(3), positive(3), normal(1)),
        /^batchNormEval: weight has shape \[1\]; use \[3\]$/,
      ],
    ],
    large: [call(normal(900, 70), normal(70), positive(70), normal(70), normal(70))].map(float32),
  },
  batchNormUpdate: {
    ref: batchNormUpdate,
    cases: [
      call(running('f32'), normal(3), positive(3), 10),
      call(running('f64', 3, typed('i32', values(4))), normal(3), positive(3), 10),
      callWith({ momentum: 0.9 }, running('f64'), normal(3), positive(3), 2),
      callWith({ cumulative: true }, running('f64', 1, typed('i64', values(0))), normal(1), positive(1), 7),
      callWith({ cumulative: true }, running('f32'), normal(3), positive(3), 7),
      call(running('f32', 0), normal(0), positive(0), 7),
    ],
    errors: [
      [
        call(running('f32').slice(1), normal(3), positive(3), 10),
        /^batchNormUpdate: running has 2 states; use mean, variance and count$/,
      ],
      [
        call(running('f16'), normal(3), positive(3), 10),
        /^batchNormUpdate: the running mean has dtype f16; use f32 or f64$/,
      ],
      [
        call(
          [typed('f32', normal(3)), typed('f64', positive(3)), typed('i64', values(1))],
          normal(3),
          positive(3),
          10,
        ),
        /^batchNormUpdate: the running mean is f32 \[3\], the variance f64 \[3\]; use the same$/,
      ],
      [
        call(running('f32'), normal(2), positive(3), 10),
        /^batchNormUpdate: mean has shape \[2\]; use \[3\]$/,
      ],
      [
        call(running('f32'), normal(3), positive(1, 3), 10),
        /^batchNormUpdate: variance has shape \[1, 3\]; use \[3\]$/,
      ],
      [
        call(running('f32', 3, typed('f32', values(1))), normal(3), positive(3), 10),
        /^batchNormUpdate: the running count has dtype f32 and shape \[1\]; use one i32 or i64 number$/,
      ],
      [
        call(running('f32'), normal(3), positive(3), 1),
        /^batchNormUpdate: count is 1; use 2 or more, which an unbiased variance needs$/,
      ],
      [
        callWith({ momentum: 2 }, running('f32'), normal(3), positive(3), 10),
        /^batchNormUpdate: momentum is 2; use 0\.\.1$/,
      ],
    ],
  },
};
