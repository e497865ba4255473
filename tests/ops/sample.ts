// What a family's samples are written with: input descriptions, cases, and the naive float64 arrays references compute on.

/** A dense float64 array: what references take and give. Integers and booleans are exact in it. */
export interface Nd {
  readonly data: Float64Array;
  readonly shape: readonly number[];
}

/** Describes a tensor argument; the matrix draws it anew, seeded, for every dtype and layout. */
export interface Input {
  readonly kind: 'normal' | 'uniform' | 'ints' | 'bools' | 'values';
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly values?: readonly number[];
  /** Fixed dtype; else the matrix chooses among those the op takes. */
  readonly dtype?: string;
}

/** Standard normal numbers. */
export const normal = (...shape: number[]): Input => ({ kind: 'normal', shape, low: 0, high: 0 });
/** Uniform numbers in [low, high): for formulas with a domain. */
export const uniform = (low: number, high: number, ...shape: number[]): Input => ({
  kind: 'uniform',
  shape,
  low,
  high,
});
/** Integers low..high-1 of a fixed dtype, i32 unless said. */
export const ints = (low: number, high: number, shape: number[], dtype = 'i32'): Input => ({
  kind: 'ints',
  shape,
  low,
  high,
  dtype,
});
export const bools = (...shape: number[]): Input => ({
  kind: 'bools',
  shape,
  low: 0,
  high: 2,
  dtype: 'bool',
});
/** These numbers as a vector: edge cases by hand. */
export const values = (...list: number[]): Input => ({
  kind: 'values',
  shape: [list.length],
  low: 0,
  high: 0,
  values: list,
});
/** Any input with a fixed dtype. */
export const typed = (dtype: string, input: Input): Input => ({ ...input, dtype });

/** Positional arguments in the order of the generated function; the options object, where there is one, last. */
export interface Case {
  readonly args: readonly (
    Input | readonly Input[] | number | string | boolean | readonly number[] | undefined
  )[];
  readonly options?: Readonly<Record<string, unknown>>;
  /** Derivatives are not checked here: at a kink, say. The reason is printed. */
  readonly noGrad?: string;
  /** Runs in these dtypes alone, of those the op takes. */
  readonly dtypes?: readonly string[];
}

export interface OpSamples {
  /** Naive and independent: gets an Nd for each tensor (Nd[] for lists), the rest as given, options last. */
  readonly ref: (...args: never[]) => Nd | Nd[];
  readonly cases: readonly Case[];
  /** A call that must throw, and the whole message as a pattern. */
  readonly errors: readonly (readonly [Case, RegExp])[];
  /** Relative and absolute bounds against the float64 reference, where the defaults (f32 1e-5, f64 1e-12, f16 2e-3, bf16 2e-2) do not fit. */
  readonly tolerance?: Readonly<Record<string, number>>;
  /** Runs in these dtypes alone, of those the class in the registry admits: refused combinations have an error sample. */
  readonly dtypes?: readonly string[];
  /** Result dtype by input dtype, where the registry's rule cannot say it; a list where the results differ. */
  readonly resultDType?: Readonly<Record<string, string | readonly string[]>>;
  /** Big enough to be split among threads; run forward and backward for equal bits alone. */
  readonly large?: readonly Case[];
}

export type FamilySamples = Readonly<Record<string, OpSamples>>;

export const call = (...args: Case['args'][number][]): Case => ({ args });
export const callWith = (
  options: Readonly<Record<string, unknown>>,
  ...args: Case['args'][number][]
): Case => ({ args, options });

export const size = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

export const nd = (shape: readonly number[], at: (index: number[], flat: number) => number): Nd => {
  const data = new Float64Array(size(shape));
  const index = shape.map(() => 0);
  for (let flat = 0; flat < data.length; flat++) {
    data[flat] = at(index, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] ?? 0) + 1;
      if ((index[axis] ?? 0) < (shape[axis] ?? 0)) break;
      index[axis] = 0;
    }
  }
  return { data, shape };
};

/** The element of x at a broadcast index: axes aligned from the right, extents of 1 repeated. */
export const at = (x: Nd | number, index: readonly number[]): number => {
  if (typeof x === 'number') return x;
  let flat = 0;
  const lead = index.length - x.shape.length;
  x.shape.forEach((extent, axis) => {
    flat = flat * extent + (extent === 1 ? 0 : (index[axis + lead] ?? 0));
  });
  return x.data[flat] ?? NaN;
};

export const broadcastShape = (...shapes: (readonly number[])[]): number[] => {
  const rank = Math.max(...shapes.map(s => s.length));
  return Array.from({ length: rank }, (_, axis) =>
    shapes.reduce((extent, s) => {
      const own = s[axis - rank + s.length] ?? 1;
      return own === 1 ? extent : own;
    }, 1),
  );
};

/** A reference that applies `f` to broadcast elements. */
export const elementwise =
  (f: (...x: number[]) => number) =>
  (...args: (Nd | number)[]): Nd => {
    const shape = broadcastShape(...args.map(a => (typeof a === 'number' ? [] : a.shape)));
    return nd(shape, index => f(...args.map(a => at(a, index))));
  };

/** Before every evaluation of a random op the matrix calls `seed(sampleSeed)`: references draw from counter 0 under it. */
export const sampleSeed = 7;
