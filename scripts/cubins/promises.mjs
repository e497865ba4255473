// What the machine code of each kernel promises, by family and by the arguments of its template:
//   loads, stores   at least so many of 128 bits in global memory, sharedLoads in shared memory
//   ffma, dfma      fused multiplications and additions: at least so many, or at most; not given where CUDA's
//                   library has them
//   divides         whether it may divide by 64 bits, which takes a hundred instructions; the trip count of a
//                   loop that the compiler unrolls is such a division
//   local           why it may use local memory
const sizes = {
  float: 4,
  double: 8,
  F16: 2,
  BF16: 2,
  int: 4,
  long: 8,
  'unsigned char': 1,
  'unsigned short': 2,
};
const divides = true;
const none = { most: 0 };
const unfused = { ffma: none, dfma: none };

/** Bytes of a type, in words of 128 bits where there are so many of it. */
function sizeOf(type) {
  if (!(type in sizes)) throw new Error(`cubins: no size of ${type} in scripts/cubins/promises.mjs`);
  return sizes[type];
}
const wordsOf = (type, count) => Math.floor((sizeOf(type) * count) / 16);

// Formulas with a division, a root or a function of CUDA's library.
const fused = new Set(
  (
    'Cos Div Elu EluGrad Erf Exp Expm1 Gelu GeluGrad GeluTanh GeluTanhGrad Log Log1p Pow Reciprocal ' +
    'Rsqrt Sigmoid Silu SiluGrad Sin Softplus Sqrt Tanh'
  ).split(' '),
);
const exact = formula => (fused.has(formula) ? {} : unfused);
const largeAngles = 'the digits of large angles, in the library of CUDA';

const copy = {
  move_range: () => ({ loads: 1, stores: 1, ...unfused, divides }),
  move_words: ([word]) => ({
    ...(word.startsWith('Word') ? { loads: 1, stores: 1 } : {}),
    ...unfused,
    divides,
  }),
  convert_range: ([from, to]) => ({ loads: wordsOf(from, 8), stores: wordsOf(to, 8), ...unfused, divides }),
  convert_any: () => ({ ...unfused, divides }),
  transpose: () => ({ ...unfused, divides }),
  count_up: () => ({ ...unfused, divides }),
};

const elementwise = {
  plain_rows: ([formula, inputs]) => ({ loads: Number(inputs), stores: 1, ...exact(formula), divides }),
  any_layout: ([formula]) => ({
    ...exact(formula),
    divides,
    ...(['Sin', 'Cos'].includes(formula) ? { local: largeAngles } : {}),
  }),
  any_predicate: () => ({ ...unfused, divides }),
};

// Loads of a turn: kTurnWords in reduce_grid.h.
const turnWords = type => Math.min(sizeOf(type), 4);
// Squares are added up apart, and of floats the mean is a division: nothing else may be fused.
const division = { ffma: { most: 1 }, dfma: { most: 17 } };
const sums = ([op]) => (/^Sums<(float|double)/.test(op) ? division : unfused);
const slices = {
  reduce_short_rows: ([op, type]) => ({ loads: turnWords(type), ...sums([op]) }),
  reduce_long_rows: ([op, type]) => ({ loads: turnWords(type), ...sums([op]), divides }),
  reduce_columns: list => ({ ...sums(list), divides }),
  join_parts: list => ({ ...sums(list), divides }),
};
const scans = {
  scan_rows: () => ({ ...unfused, divides }),
  scan_columns: () => ({ ...unfused, divides }),
};

/** By kRows, kColumns and kDepth of gemm_tile.h, of a turn; panels are loaded before the loop and in it. */
function tileOf(shape) {
  const [, , rows, depth] = /<(.+)>/.exec(shape)[1].split(',').map(Number);
  const columns = 8;
  return {
    fused: depth * rows * columns,
    quads: depth * (rows / 4 + columns / 4),
    loads: 2 * 2 * (depth / 8),
  };
}
const isAnyhow = layout => layout === '(Layout)2';
const gemm = {
  multiply_tiles: ([type, shape, a, b]) => {
    const { fused, quads, loads } = tileOf(shape);
    return {
      ...(type === 'double' ? { dfma: fused, sharedLoads: 2 * quads } : { ffma: fused, sharedLoads: quads }),
      ...(isAnyhow(a) || isAnyhow(b) ? {} : { loads }),
      // Four halves are 64 bits.
      ...(type === 'F16' || type === 'BF16' ? {} : { stores: 1 }),
      divides,
    };
  },
  multiply_thin: ([type, rows]) => ({
    ...(type === 'double' ? { dfma: 4 * Number(rows) } : { ffma: 4 * Number(rows) }),
    divides,
  }),
  join_parts: () => ({ divides }),
};

const index = {
  take_units: ([unit]) => ({ ...(unit === 'Bytes16' ? { loads: 1, stores: 1 } : {}), ...unfused, divides }),
  gather_units: () => ({ ...unfused, divides }),
  add_runs: ([, each]) => ({ ...(each === '4' ? { loads: 4, stores: 1 } : {}), ...unfused, divides }),
  mark_classes: () => ({ ...unfused, divides }),
  count_digits: () => ({ ...unfused, divides }),
  start_digits: () => unfused,
  place_digits: () => ({ ...unfused, divides }),
  clear_runs: () => ({ ...unfused, divides }),
  find_runs: () => ({ ...unfused, divides }),
};

// Four f32 are one word of 128 bits, four f64 two; with and without what is kept besides.
const optimizer = {
  update_sgd: () => ({ loads: 3 * (2 + 3), stores: 3 * (1 + 2), ...unfused }),
  update_adam: () => ({ loads: 3 * (4 + 5), stores: 3 * (3 + 4) }),
  count_steps: () => unfused,
};

const random = {
  draw: ([formula, type]) => ({
    stores: wordsOf(type, /Doubles|Integers/.test(formula) ? 2 : 4),
    ...(formula.startsWith('Kept') ? { loads: wordsOf(type, 4) } : {}),
    ...(formula.startsWith('Normal') ? {} : unfused),
    divides,
  }),
};

// Elements of a thread in registers: kKept in rows.h.
const keptWords = type => (sizeOf(type) === 8 ? 8 : 32) / (16 / sizeOf(type));
const softmax = {
  softmax_kept: ([, words]) => ({ loads: Number(words), stores: Number(words) }),
  softmax_long: ([type]) => ({ loads: keptWords(type) / 2 + 1, stores: 1 }),
  softmax_grads: ([, words]) => ({ loads: 2 * Number(words), stores: Number(words) }),
  cross_entropy_rows: ([type]) => ({ loads: keptWords(type) / 2 }),
  cross_entropy_grads: () => ({ loads: 1, stores: 1 }),
  sum_weights: () => ({ ...unfused, divides }),
};

// Of guard.h.
const guards = {
  find_bad_id: () => ({ ...unfused, divides }),
  tell_bad_id: () => unfused,
};

export const promises = {
  copy,
  elementwise,
  extreme: slices,
  gemm,
  index: { ...index, ...guards },
  optimizer,
  random,
  reduce: { ...slices, ...scans },
  softmax: { ...softmax, ...guards },
};
