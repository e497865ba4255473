// Samples of the element-wise ops, against scalar formulas.
import { bools, call, callWith, elementwise, ints, nd, normal, typed, uniform, values } from './sample';
import type { Case, FamilySamples, Input, Nd, OpSamples } from './sample';

type Formula = (...x: number[]) => number;

// What a bool tensor does not take.
const numeric = ['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8'];

/** Shapes that broadcast in every way there is. */
const pairs = (a: (...shape: number[]) => Input, b = a): Case[] => [
  call(a(2, 3), b(2, 3)),
  call(a(2, 3), b(3)),
  call(a(2, 1, 4), b(3, 1)),
  call(a(), b(5)),
  call(a(1), b()),
  call(a(0, 3), b(3)),
  call(a(2, 0), b(2, 1)),
  call(a(2, 3, 1, 2), b(1, 3, 5, 1)),
  call(a(300, 7), b(7)),
];

const unequal = (name: string): readonly [Case, RegExp] => [
  call(normal(2, 3), normal(2, 4)),
  new RegExp(`^${name}: shapes \\[2, 3\\] and \\[2, 4\\] do not broadcast; extents must be equal or 1$`),
];

const fraction = (name: string, number = 2.5): readonly [Case, RegExp] => [
  call(ints(0, 9, [2]), number),
  new RegExp(`^${name}: an i32 tensor with the number ${number}; use a float tensor or a whole number$`),
];

function binary(name: string, f: Formula, a: typeof normal = normal, b: typeof normal = a): OpSamples {
  return {
    ref: elementwise(f),
    cases: [
      ...pairs(a, b),
      { args: [a(2, 3), 2], dtypes: numeric },
      { args: [2, a(3)], dtypes: numeric },
      call(a(2, 2), 0.5),
    ],
    errors: [unequal(name), fraction(name)],
  };
}

const positive = (...shape: number[]): Input => uniform(0.5, 2.5, ...shape);
const small = (...shape: number[]): Input => uniform(-1.5, 1.5, ...shape);

const edges = values(0, -0, 1, -1, Infinity, -Infinity, NaN, 1e-30, -1e-30, 200, -200);

/** A function of one operand: rank 0 to 4, empty, long, and the edges of its domain. */
function unary(
  f: Formula,
  draw: (...shape: number[]) => Input = normal,
  extra: readonly Case[] = [],
): OpSamples {
  return {
    ref: elementwise(f),
    cases: [
      call(draw(3, 4)),
      call(draw()),
      call(draw(1)),
      call(draw(0, 2)),
      call(draw(2, 1, 3, 2)),
      call(draw(1027)),
      { args: [edges], noGrad: 'kinks and infinities', dtypes: ['f32', 'f64', 'bf16'] },
      ...extra,
    ],
    errors: [],
  };
}

const needsFloat = (name: string, which = ''): OpSamples['errors'] => [
  [call(ints(0, 5, [3])), new RegExp(`^${name}: ${which}needs a float dtype, got i32$`)],
];
const needsNumber = (name: string): OpSamples['errors'] => [
  [call(bools(3)), new RegExp(`^${name}: needs a numeric dtype, got bool$`)],
];

const floatFunction = (name: string, f: Formula, draw?: (...shape: number[]) => Input): OpSamples => ({
  ...unary(f, draw),
  errors: needsFloat(name),
});

/** Functions of integers too: the edges stay in the float dtypes. */
const numberFunction = (name: string, f: Formula): OpSamples => ({ ...unary(f), errors: needsNumber(name) });

/** The error function by its Taylor series, or its continued fraction where that converges faster. */
function erf(x: number): number {
  if (Number.isNaN(x)) return NaN;
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x;
    let sum = x;
    for (let n = 1; n < 80; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  }
  let rest = size;
  for (let n = 80; n > 0; n--) rest = size + n / 2 / rest;
  return Math.sign(x) * (1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * rest));
}

const sigmoid: Formula = x => 1 / (1 + Math.exp(-x));
const roundEven: Formula = x => {
  const nearest = Math.round(x);
  return nearest - x === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
};

/** A comparison or logical op: bool results have no derivative. */
function predicate(name: string, f: (a: number, b: number) => boolean): OpSamples {
  const one = (a: Input | number, b: Input | number): Case => ({
    args: [a, b],
    noGrad: 'the result is bool',
  });
  return {
    ref: elementwise((a, b) => Number(f(a, b))),
    cases: [
      one(normal(2, 3), normal(2, 3)),
      one(ints(0, 3, [4, 1]), ints(0, 3, [5])),
      one(normal(), normal(3)),
      one(normal(0, 2), normal(2)),
      one(normal(1), normal(1)),
      one(normal(2, 2), 1),
      one(0, normal(3)),
      {
        args: [values(NaN, 1, NaN, Infinity), values(NaN, NaN, 1, Infinity)],
        noGrad: 'bool',
        dtypes: ['f32', 'f64'],
      },
    ],
    errors: [unequal(name), fraction(name, 0.5)],
  };
}

const logical = (name: string, f: (a: number, b: number) => boolean): OpSamples => {
  const own = predicate(name, f);
  return {
    ...own,
    cases: own.cases.filter(({ args }) => args.every(value => typeof value !== 'number')),
    errors: [unequal(name)],
  };
};

function question(name: string, f: (x: number) => boolean): OpSamples {
  const list: readonly Input[] = [normal(2, 3), normal(), normal(1), normal(0, 4), edges];
  return {
    ref: elementwise(x => Number(f(x))),
    cases: list.map(x => ({ args: [x], noGrad: 'the result is bool' })),
    errors: [[call('text'), new RegExp(`^${name}: x must be a tensor, got 'text'$`)]],
  };
}

/** The numbers of `x` as another dtype holds them; what float32 loses is within the bounds. */
function converted(x: Nd, dtype: string): Nd {
  const limits: Readonly<Record<string, readonly [number, number]>> = {
    i32: [-(2 ** 31), 2 ** 31 - 1],
    u8: [0, 255],
    i64: [-(2 ** 62), 2 ** 62],
  };
  const [least, most] = limits[dtype] ?? [-Infinity, Infinity];
  return nd(x.shape, (_, i) => {
    const value = x.data[i] ?? NaN;
    if (dtype === 'bool') return Number(value !== 0);
    if (limits[dtype] === undefined) return value;
    return Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), least), most);
  });
}

const convert = (x: Input, dtype: string, noGrad?: string): Case =>
  noGrad === undefined ? call(x, dtype) : { args: [x, dtype], noGrad };

const selu = 1.0507009873554805;
const seluAlpha = 1.6732632423543772;

export const samples: FamilySamples = {
  add: {
    ...binary('add', (a, b) => a + b),
    large: [call(normal(130, 517), normal(517))],
    errors: [
      unequal('add'),
      fraction('add'),
      [
        call(ints(0, 9, [2], 'u8'), 300),
        /^add: the number 300 does not fit a u8 tensor; cast it to a wider dtype$/,
      ],
      [call(bools(2), 2), /^add: the number 2 does not fit a bool tensor; cast it to a wider dtype$/],
    ],
  },
  sub: binary('sub', (a, b) => a - b),
  mul: binary('mul', (a, b) => a * b),
  div: {
    ...binary('div', (a, b) => a / b, normal, positive),
    dtypes: ['f32', 'f64', 'f16', 'bf16'],
    errors: [
      unequal('div'),
      [
        call(ints(1, 9, [2]), ints(1, 9, [2])),
        /^div: i32 by i32 has no exact quotient; cast one to a float dtype$/,
      ],
    ],
  },
  pow: {
    ref: elementwise(Math.pow),
    cases: [
      ...pairs(positive, small),
      call(positive(2, 3), 2),
      call(positive(2, 3), 0.5),
      call(normal(2, 3), 1),
      call(normal(2, 3), 3),
      { args: [positive(2, 3), -1], dtypes: ['f32', 'f64', 'f16', 'bf16'] },
      { args: [positive(2, 3), -2], dtypes: ['f32', 'f64', 'f16', 'bf16'] },
      call(normal(4), 0),
      call(2, small(3)),
      call(ints(-3, 4, [12]), ints(0, 4, [12])),
      {
        args: [values(-1, 0, 0, -2), values(3, 2, 0, 2)],
        noGrad: 'the exponent moves where the base is not positive',
      },
    ],
    errors: [
      unequal('pow'),
      [call(ints(1, 4, [2]), -1), /^pow: i32 elements to the power -1 are no integers; use a float tensor$/],
      fraction('pow', 0.5),
    ],
    tolerance: { bf16: 4e-2 },
  },
  maximum: {
    ...binary('maximum', Math.max),
    cases: [
      ...binary('maximum', Math.max).cases,
      { args: [values(1, NaN, 2), values(1, 1, NaN)], noGrad: 'ties and NaN', dtypes: ['f32', 'f64'] },
    ],
  },
  minimum: {
    ...binary('minimum', Math.min),
    cases: [
      ...binary('minimum', Math.min).cases,
      { args: [values(1, NaN, 2), values(1, 1, NaN)], noGrad: 'ties and NaN', dtypes: ['f32', 'f64'] },
    ],
  },
  where: {
    ref: elementwise((condition, a, b) => (condition !== 0 ? a : b)),
    cases: [
      call(bools(2, 3), normal(2, 3), normal(2, 3)),
      call(bools(3), normal(2, 1), normal(2, 3)),
      call(bools(4, 1), normal(), normal(3)),
      call(bools(), normal(1), normal(2)),
      call(bools(0, 2), normal(2), normal(0, 1)),
      call(bools(2, 3), normal(2, 3), 0),
      call(bools(2, 3), 1, normal(3)),
    ],
    large: [call(bools(67_013), normal(67_013), normal(1))],
    errors: [
      [call(typed('f32', normal(2)), normal(2), normal(2)), /^where: condition needs bool, got f32$/],
      [
        call(bools(2), normal(3), normal(3)),
        /^where: shapes \[2\] and \[3\] do not broadcast; extents must be equal or 1$/,
      ],
    ],
  },
  cast: {
    ref: converted,
    cases: [
      convert(normal(2, 3), 'f64'),
      convert(normal(0, 2), 'f64'),
      convert(normal(), 'f64'),
      convert(normal(40, 3), 'f32', 'rounded'),
      convert(normal(1), 'f16', 'rounded'),
      convert(normal(3, 5), 'bf16', 'rounded'),
      convert(uniform(-20, 20, 37), 'i32', 'the result is i32'),
      convert(uniform(-20, 20, 5, 2), 'i64', 'the result is i64'),
      convert(uniform(0, 200, 37), 'u8', 'the result is u8'),
      convert(normal(2, 2), 'bool', 'the result is bool'),
      { args: [values(NaN, Infinity, -Infinity, 1e20, -7.9), 'i32'], noGrad: 'i32', dtypes: ['f32', 'f64'] },
    ],
    errors: [
      [
        call(normal(2), 'f8'),
        /^cast: dtype must be one of 'f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool', got 'f8'$/,
      ],
    ],
  },

  equal: predicate('equal', (a, b) => a === b),
  notEqual: predicate('notEqual', (a, b) => a !== b),
  less: predicate('less', (a, b) => a < b),
  lessEqual: predicate('lessEqual', (a, b) => a <= b),
  greater: predicate('greater', (a, b) => a > b),
  greaterEqual: predicate('greaterEqual', (a, b) => a >= b),
  logicalAnd: logical('logicalAnd', (a, b) => a !== 0 && b !== 0),
  logicalOr: logical('logicalOr', (a, b) => a !== 0 || b !== 0),
  logicalNot: question('logicalNot', x => x === 0),
  isNan: question('isNan', x => Number.isNaN(x)),
  isFinite: question('isFinite', x => Number.isFinite(x)),

  neg: numberFunction('neg', x => -x),
  abs: numberFunction('abs', Math.abs),
  sign: numberFunction('sign', Math.sign),
  square: numberFunction('square', x => x * x),
  clamp: {
    ref: (x: Nd, { min = -Infinity, max = Infinity }: { min?: number; max?: number } = {}): Nd =>
      elementwise(v => (v < min ? min : v > max ? max : v))(x),
    cases: [
      callWith({ min: 0, max: 1 }, normal(3, 4)),
      callWith({ min: -1 }, normal(2, 1, 5)),
      callWith({ max: 1 }, normal()),
      callWith({ min: 1, max: 1 }, normal(1)),
      callWith({ min: 0 }, normal(0, 3)),
      { args: [normal(9)], options: { min: -0.5, max: 0.25 }, dtypes: ['f32', 'f64', 'f16', 'bf16'] },
      { args: [edges], options: { min: -2, max: 3 }, noGrad: 'infinities', dtypes: ['f32', 'f64'] },
    ],
    errors: [
      [callWith({ min: 3, max: 1 }, normal(2)), /^clamp: min 3 is not below max 1; use min <= max$/],
      [callWith({ min: NaN }, normal(2)), /^clamp: min NaN is not below max Infinity; use min <= max$/],
      [
        callWith({ min: 0.5 }, ints(0, 4, [2])),
        /^clamp: an i32 tensor with the number 0\.5; use a float tensor or a whole number$/,
      ],
    ],
  },
  floor: floatFunction('floor', Math.floor),
  ceil: floatFunction('ceil', Math.ceil),
  round: {
    ...floatFunction('round', roundEven),
    cases: [
      ...floatFunction('round', roundEven).cases,
      { args: [values(0.5, 1.5, 2.5, -0.5, -1.5, -2.5)], noGrad: 'steps', dtypes: ['f32', 'f64'] },
    ],
  },
  sqrt: floatFunction('sqrt', Math.sqrt, positive),
  rsqrt: floatFunction('rsqrt', x => (Object.is(x, -0) ? -Infinity : 1 / Math.sqrt(x)), positive),
  reciprocal: floatFunction('reciprocal', x => 1 / x, positive),
  exp: { ...floatFunction('exp', Math.exp), large: [call(normal(130, 517))] },
  expm1: floatFunction('expm1', Math.expm1),
  log: floatFunction('log', Math.log, positive),
  log1p: floatFunction('log1p', Math.log1p, positive),
  sin: floatFunction('sin', Math.sin),
  cos: floatFunction('cos', Math.cos),
  erf: floatFunction('erf', erf),

  tanh: floatFunction('tanh', Math.tanh),
  sigmoid: floatFunction('sigmoid', sigmoid),
  relu: floatFunction('relu', x => (x < 0 ? 0 : x)),
  leakyRelu: {
    ref: (x: Nd, { slope = 0.01 }: { slope?: number } = {}): Nd =>
      elementwise(v => (v < 0 ? slope * v : v))(x),
    cases: [
      call(normal(3, 4)),
      callWith({ slope: 0.3 }, normal(2, 3)),
      call(normal()),
      call(normal(1)),
      call(normal(0, 2)),
    ],
    errors: needsFloat('leakyRelu', 'x '),
  },
  elu: {
    ref: (x: Nd, { alpha = 1 }: { alpha?: number } = {}): Nd =>
      elementwise(v => (v < 0 ? alpha * Math.expm1(v) : v))(x),
    cases: [
      call(normal(3, 4)),
      callWith({ alpha: 0.7 }, normal(2, 3)),
      call(normal()),
      call(normal(1)),
      call(normal(0, 2)),
    ],
    errors: needsFloat('elu', 'x '),
  },
  selu: floatFunction('selu', x => selu * (x < 0 ? seluAlpha * Math.expm1(x) : x)),
  gelu: {
    ref: (x: Nd, { tanh = false }: { tanh?: boolean } = {}): Nd =>
      elementwise(v =>
        tanh
          ? 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)))
          : 0.5 * v * (1 + erf(v / Math.SQRT2)),
      )(x),
    cases: [
      call(normal(3, 4)),
      callWith({ tanh: true }, normal(2, 3)),
      call(normal()),
      call(normal(1)),
      callWith({ tanh: true }, normal(0, 2)),
      call(uniform(-6, 6, 517)),
    ],
    errors: needsFloat('gelu', 'x '),
  },
  silu: floatFunction('silu', x => (x === -Infinity ? NaN : x * sigmoid(x))),
  softplus: floatFunction('softplus', x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
};
