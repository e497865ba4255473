// Samples of indexing, against one assignment per element.
import { call, callWith, ints, nd, normal, size, typed, values } from './sample';
import type { Case, FamilySamples, Nd } from './sample';

const flatten = (shape: readonly number[], index: readonly number[]): number =>
  shape.reduce((flat, extent, axis) => flat * extent + (index[axis] ?? 0), 0);

const normalAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

function take(x: Nd, indices: Nd, { axis = 0 }: { axis?: number } = {}): Nd {
  const at = normalAxis(axis, x.shape.length);
  const rank = indices.shape.length;
  return nd(x.shape.toSpliced(at, 1, ...indices.shape), index => {
    const id = indices.data[flatten(indices.shape, index.slice(at, at + rank))] ?? NaN;
    return x.data[flatten(x.shape, index.toSpliced(at, rank, id))] ?? NaN;
  });
}

/** Zeros of `shape`, and every element of x added where `place` says. */
function scattered(x: Nd, shape: readonly number[], place: (index: number[], flat: number) => number[]): Nd {
  const data = new Float64Array(size(shape));
  nd(x.shape, (index, flat) => {
    const to = flatten(shape, place(index, flat));
    data[to] = (data[to] ?? NaN) + (x.data[flat] ?? NaN);
    return 0;
  });
  return { data, shape };
}

function indexAdd(x: Nd, indices: Nd, extent: number, { axis = 0 }: { axis?: number } = {}): Nd {
  const rank = indices.shape.length;
  const at = normalAxis(axis, x.shape.length - rank + 1);
  return scattered(x, x.shape.toSpliced(at, rank, extent), index =>
    index.toSpliced(at, rank, indices.data[flatten(indices.shape, index.slice(at, at + rank))] ?? NaN),
  );
}

function gather(x: Nd, indices: Nd, axis: number): Nd {
  const at = normalAxis(axis, x.shape.length);
  return nd(
    indices.shape,
    (index, flat) => x.data[flatten(x.shape, index.with(at, indices.data[flat] ?? NaN))] ?? NaN,
  );
}

function scatterAdd(x: Nd, indices: Nd, extent: number, axis: number): Nd {
  const at = normalAxis(axis, x.shape.length);
  return scattered(x, x.shape.with(at, extent), (index, flat) => index.with(at, indices.data[flat] ?? NaN));
}

const oneHot = (indices: Nd, classes: number): Nd =>
  nd([...indices.shape, classes], (index, flat) =>
    Number(indices.data[Math.floor(flat / classes)] === index.at(-1)),
  );

const float32 = (sample: Case): Case => ({ ...sample, dtypes: ['f32'] });

const ids = (...list: number[]): ReturnType<typeof values> => typed('i32', values(...list));

export const samples: FamilySamples = {
  take: {
    ref: take,
    cases: [
      call(normal(4), ints(0, 4, [3])),
      call(normal(4, 3), ints(0, 4, [6])),
      call(normal(4, 3), ints(0, 4, [2, 3])),
      call(normal(4, 3), ints(0, 4, [])),
      callWith({ axis: 1 }, normal(2, 4, 3), ints(0, 4, [5])),
      callWith({ axis: -1 }, normal(2, 3, 4), ints(0, 4, [2, 2], 'i64')),
      callWith({ axis: 1 }, normal(3, 5), ints(0, 5, [4], 'u8')),
      call(normal(3, 70), ints(0, 3, [5])),
      call(normal(1), ints(0, 1, [1])),
      call(normal(3, 2), ints(0, 3, [0])),
      call(normal(3, 0), ints(0, 3, [2])),
    ],
    errors: [
      [call(normal(4, 2), ids(3, 7)), /^take: index 7 at position 1 is out of range; use 0\.\.3$/],
      [call(normal(4, 2), ids(0, 1, -1)), /^take: index -1 at position 2 is out of range; use 0\.\.3$/],
      [call(normal(3), typed('f32', normal(2))), /^take: indices needs an integer dtype, got f32$/],
      [
        callWith({ axis: 2 }, normal(2, 3), ids(0)),
        /^take: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/,
      ],
      [
        call(normal(1, 1, 1, 1, 1, 1, 1, 1), ints(0, 1, [1, 1])),
        /^take: the result has rank 9; use at most 8$/,
      ],
    ],
    large: [call(normal(80, 200), ints(0, 80, [200]))].map(float32),
  },
  indexAdd: {
    ref: indexAdd,
    cases: [
      call(normal(3), ints(0, 4, [3]), 4),
      call(normal(6, 3), ints(0, 4, [6]), 4),
      call(normal(2, 3, 5), ints(0, 4, [2, 3]), 4),
      call(normal(3), ints(0, 4, []), 4),
      callWith({ axis: 1 }, normal(2, 5, 3), ints(0, 3, [5], 'i64'), 3),
      callWith({ axis: -1 }, normal(2, 6), ints(0, 2, [6], 'u8'), 2),
      call(normal(30, 300), ints(0, 4, [30]), 4),
      call(normal(1), ints(0, 1, [1]), 1),
      call(normal(0, 3), ints(0, 4, [0]), 4),
      call(normal(0, 3), ints(0, 4, [0]), 0),
    ],
    errors: [
      [call(normal(2, 2), ids(3, 4), 4), /^indexAdd: index 4 at position 1 is out of range; use 0\.\.3$/],
      [
        call(normal(2, 3), ids(0, 1, 2), 4),
        /^indexAdd: x \[2, 3\] does not fit indices \[3\] at axis 0; use \[3, 3\]$/,
      ],
      [
        call(normal(), ints(0, 2, [2, 2]), 4),
        /^indexAdd: x \[\] has fewer axes than indices \[2, 2\]; use x with the axes of indices in the place of `axis`$/,
      ],
      [
        callWith({ axis: 2 }, normal(2, 3), ids(0, 1), 4),
        /^indexAdd: axis 2 is out of range for a result of rank 2; use -2\.\.1$/,
      ],
      [call(normal(2), ids(0, 1), -1), /^indexAdd: size is -1; use 0 or more$/],
      [call(typed('bool', values(1, 0)), ids(0, 1), 2), /^indexAdd: x needs a numeric dtype, got bool$/],
    ],
    large: [call(normal(200, 200), ints(0, 40, [200]), 40)].map(float32),
  },
  gather: {
    ref: gather,
    cases: [
      call(normal(4), ints(0, 4, [6]), 0),
      call(normal(4, 3), ints(0, 4, [2, 3]), 0),
      call(normal(4, 3), ints(0, 3, [4, 1]), 1),
      call(normal(4, 3), ints(0, 3, [2, 5], 'i64'), -1),
      call(normal(2, 4, 3), ints(0, 4, [2, 2, 3], 'u8'), 1),
      call(normal(2, 4, 3), ints(0, 4, [1, 5, 2]), 1),
      call(normal(1), ints(0, 1, [1]), 0),
      call(normal(3, 2), ints(0, 3, [0, 2]), 0),
      call(normal(0, 2), ints(0, 3, [0, 2]), 0),
    ],
    errors: [
      [call(normal(4), ids(3, 7), 0), /^gather: index 7 at position 1 is out of range; use 0\.\.3$/],
      [
        call(normal(4, 3), ids(0), 0),
        /^gather: indices \[1\] do not fit x \[4, 3\]; use equal ranks, and extents of at most x's but along axis 0$/,
      ],
      [
        call(normal(4, 3), ints(0, 4, [2, 4]), 0),
        /^gather: indices \[2, 4\] do not fit x \[4, 3\]; use equal ranks, and extents of at most x's but along axis 0$/,
      ],
      [call(normal(4), ids(0), 1), /^gather: axis 1 is out of range for shape \[4\]; use -1\.\.0$/],
    ],
    large: [call(normal(80, 200), ints(0, 80, [200, 200]), 0)].map(float32),
  },
  scatterAdd: {
    ref: scatterAdd,
    cases: [
      call(normal(6), ints(0, 4, [6]), 4, 0),
      call(normal(5, 3), ints(0, 4, [5, 3]), 4, 0),
      call(normal(4, 5), ints(0, 3, [4, 5], 'i64'), 3, -1),
      call(normal(2, 5, 3), ints(0, 4, [2, 5, 3], 'u8'), 4, 1),
      call(normal(40, 70), ints(0, 2, [40, 70]), 2, 0),
      call(normal(1), ints(0, 1, [1]), 1, 0),
      call(normal(0, 2), ints(0, 3, [0, 2]), 3, 0),
    ],
    errors: [
      [call(normal(2), ids(3, 4), 4, 0), /^scatterAdd: index 4 at position 1 is out of range; use 0\.\.3$/],
      [
        call(normal(2, 3), ids(0, 1), 4, 0),
        /^scatterAdd: x \[2, 3\] and indices \[2\] differ; use equal shapes$/,
      ],
      [call(normal(2), ids(0, 1), -1, 0), /^scatterAdd: size is -1; use 0 or more$/],
      [call(normal(2), ids(0, 1), 2, 1), /^scatterAdd: axis 1 is out of range for shape \[2\]; use -1\.\.0$/],
    ],
    large: [call(normal(200, 200), ints(0, 40, [200, 200]), 40, 0)].map(float32),
  },
  oneHot: {
    ref: oneHot,
    cases: [
      call(ints(0, 4, [5]), 4),
      call(ints(0, 4, [2, 3], 'i64'), 6),
      callWith({ dtype: 'i32' }, ints(0, 4, [5], 'u8'), 4),
      callWith({ dtype: 'bool' }, ints(0, 4, [5]), 4),
      callWith({ dtype: 'f16' }, ints(0, 4, []), 4),
      call(ints(0, 1, [1]), 1),
      call(ints(0, 4, [0]), 4),
    ],
    errors: [
      [call(ids(3, 4), 4), /^oneHot: index 4 at position 1 is out of range; use 0\.\.3$/],
      [call(ids(0), 0), /^oneHot: classes is 0; use 1 or more$/],
      [call(typed('f32', values(1)), 2), /^oneHot: indices needs an integer dtype, got f32$/],
    ],
  },
};
