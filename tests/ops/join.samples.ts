// Samples of joins, parts and repetitions, against index arithmetic.
import { call, callWith, ints, nd, normal, typed } from './sample';
import type { FamilySamples, Nd } from './sample';
import { axisOf, listed, moved, pick, unsqueezed } from './shape-reference';
import type { Shape } from './shape-reference';

function joined(list: readonly Nd[], axis: number): Nd {
  const first = list[0] ?? { data: new Float64Array(), shape: [] };
  const place = axisOf(axis, first.shape.length);
  const extents = list.map(x => x.shape[place] ?? 0);
  const shape = first.shape.with(
    place,
    extents.reduce((a, b) => a + b, 0),
  );
  return nd(shape, index => {
    let at = index[place] ?? 0;
    let which = 0;
    while (at >= (extents[which] ?? Infinity)) at -= extents[which++] ?? 0;
    return pick(list[which] ?? first, index.with(place, at));
  });
}

function parts(x: Nd, sizes: Shape, axis = 0): Nd[] {
  const place = axisOf(axis, x.shape.length);
  let start = 0;
  return sizes.map(extent => {
    const from = start;
    start += extent;
    return moved(x, x.shape.with(place, extent), index => index.with(place, from + (index[place] ?? 0)));
  });
}

function padded(
  x: Nd,
  pads: Shape,
  { value = 0, mode = 'constant' }: { value?: number; mode?: string } = {},
): Nd {
  const shape = x.shape.map((extent, axis) => extent + (pads[2 * axis] ?? 0) + (pads[2 * axis + 1] ?? 0));
  const inside = (at: number, extent: number): number => {
    if (at >= 0 && at < extent) return at;
    if (mode === 'constant') return -1;
    if (mode === 'edge') return at < 0 ? 0 : extent - 1;
    return at < 0 ? -at : 2 * (extent - 1) - at;
  };
  return nd(shape, index => {
    const from = index.map((i, axis) => inside(i - (pads[2 * axis] ?? 0), x.shape[axis] ?? 0));
    return from.includes(-1) ? value : pick(x, from);
  });
}

function tiled(x: Nd, counts: number | Shape): Nd {
  const list = listed(counts);
  const rank = Math.max(x.shape.length, list.length);
  const long: number[] = [...Array.from({ length: rank - x.shape.length }, () => 1), ...x.shape];
  const all = [...Array.from({ length: rank - list.length }, () => 1), ...list];
  const wide: Nd = { data: x.data, shape: long };
  return moved(
    wide,
    long.map((extent, axis) => extent * (all[axis] ?? 1)),
    index => index.map((i, axis) => i % (long[axis] ?? 1)),
  );
}

export const samples: FamilySamples = {
  concat: {
    ref: (list: readonly Nd[], { axis = 0 }: { axis?: number } = {}): Nd => joined(list, axis),
    cases: [
      call([normal(2, 3), normal(4, 3)]),
      callWith({ axis: 1 }, [normal(2, 3), normal(2, 1), normal(2, 2)]),
      callWith({ axis: -1 }, [normal(2, 1, 3), normal(2, 1, 0), normal(2, 1, 4)]),
      call([normal(1)]),
      call([normal(0, 2), normal(0, 2)]),
      { args: [[typed('f32', normal(3)), typed('i32', ints(0, 9, [2]))]] },
    ],
    large: [callWith({ axis: 1 }, [normal(300, 100), normal(300, 157)])],
    errors: [
      [
        call([normal(2, 3), normal(2, 4)]),
        /^concat: shapes \[2, 3\] and \[2, 4\] differ besides axis 0; all other extents must be equal$/,
      ],
      [
        callWith({ axis: 1 }, [normal(2, 3), normal(2)]),
        /^concat: shapes \[2, 3\] and \[2\] differ besides axis 1; all other extents must be equal$/,
      ],
      [
        callWith({ axis: 2 }, [normal(2, 3)]),
        /^concat: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/,
      ],
    ],
  },
  stack: {
    ref: (list: readonly Nd[], { axis = 0 }: { axis?: number } = {}): Nd => {
      const rank = (list[0]?.shape.length ?? 0) + 1;
      return joined(
        list.map(x => unsqueezed(x, axisOf(axis, rank))),
        axis,
      );
    },
    cases: [
      call([normal(2, 3), normal(2, 3)]),
      callWith({ axis: 1 }, [normal(2, 3), normal(2, 3), normal(2, 3)]),
      callWith({ axis: -1 }, [normal(2, 3), normal(2, 3)]),
      call([normal(), normal()]),
      call([normal(1)]),
      call([normal(0, 2), normal(0, 2)]),
    ],
    errors: [
      [
        call([normal(2, 3), normal(3)]),
        /^stack: shapes \[2, 3\] and \[3\] differ; all shapes must be equal$/,
      ],
    ],
  },
  split: {
    ref: (x: Nd, sizes: number | Shape, { axis = 0 }: { axis?: number } = {}): Nd[] =>
      parts(x, listed(sizes), axis),
    cases: [
      call(normal(5, 2), [2, 3]),
      callWith({ axis: -1 }, normal(2, 6), [1, 0, 5]),
      call(normal(1), [1]),
      call(normal(0, 2), [0, 0]),
      call(normal(3), 3),
    ],
    errors: [
      [
        call(normal(5, 2), [2, 2]),
        /^split: sizes \[2, 2\] do not add up to axis 0 of shape \[5, 2\]; use sizes of 0 or more that do$/,
      ],
      [
        call(normal(1, 2), [-1, 2]),
        /^split: sizes \[-1, 2\] do not add up to axis 0 of shape \[1, 2\]; use sizes of 0 or more that do$/,
      ],
    ],
  },
  chunk: {
    ref: (x: Nd, count: number, { axis = 0 }: { axis?: number } = {}): Nd[] => {
      const extent = (x.shape[axisOf(axis, x.shape.length)] ?? 0) / count;
      return parts(
        x,
        Array.from({ length: count }, () => extent),
        axis,
      );
    },
    cases: [
      call(normal(6, 2), 3),
      callWith({ axis: 1 }, normal(2, 4), 2),
      call(normal(1), 1),
      call(normal(0, 2), 2),
    ],
    errors: [
      [
        call(normal(5, 2), 2),
        /^chunk: 2 equal parts of axis 0 of shape \[5, 2\] are impossible; use a divisor of the extent, or split$/,
      ],
      [
        call(normal(5, 2), 0),
        /^chunk: 0 equal parts of axis 0 of shape \[5, 2\] are impossible; use a divisor of the extent, or split$/,
      ],
    ],
  },
  flip: {
    ref: (x: Nd, { axis }: { axis?: number | Shape } = {}): Nd => {
      const turned =
        axis === undefined ? x.shape.map((_, i) => i) : listed(axis).map(a => axisOf(a, x.shape.length));
      return moved(x, x.shape, index =>
        index.map((i, a) => (turned.includes(a) ? (x.shape[a] ?? 0) - 1 - i : i)),
      );
    },
    cases: [
      call(normal(2, 3)),
      callWith({ axis: 1 }, normal(2, 3, 2)),
      callWith({ axis: [0, -1] }, normal(2, 3, 2)),
      call(normal()),
      call(normal(1)),
      call(normal(0, 2)),
    ],
    errors: [
      [callWith({ axis: 2 }, normal(2, 3)), /^flip: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/],
    ],
  },
  pad: {
    ref: padded,
    cases: [
      call(normal(2, 3), [1, 0, 2, 1]),
      callWith({ value: 1 }, normal(3), [1, 2]),
      callWith({ mode: 'reflect' }, normal(3, 4), [2, 1, 0, 3]),
      callWith({ mode: 'edge' }, normal(2, 1, 2), [0, 0, 2, 1, 1, 1]),
      call(normal(), []),
      call(normal(1), [1, 1]),
      call(normal(0, 2), [1, 0, 0, 1]),
    ],
    large: [call(normal(300, 200), [1, 2, 3, 4])],
    errors: [
      [call(normal(2, 3), [1, 1]), /^pad: 2 pads for shape \[2, 3\]; give two for each axis, 4$/],
      [call(normal(2), [-1, 1]), /^pad: pads -1 and 1 of axis 0; use 0 or more$/],
      [
        callWith({ mode: 'reflect' }, normal(2), [2, 0]),
        /^pad: 2 before and 0 after axis 0 of shape \[2\]; reflect needs less than the extent$/,
      ],
      [
        callWith({ mode: 'edge' }, normal(0), [1, 0]),
        /^pad: 1 before and 0 after axis 0 of shape \[0\]; edge needs an element to repeat$/,
      ],
      [
        callWith({ mode: 'wrap' }, normal(2), [1, 0]),
        /^pad: mode must be one of 'constant', 'reflect', 'edge', got 'wrap'$/,
      ],
      [
        callWith({ value: 0.5 }, ints(0, 5, [2]), [1, 0]),
        /^pad: an i32 tensor with the number 0\.5; use a float tensor or a whole number$/,
      ],
    ],
  },
  tile: {
    ref: tiled,
    cases: [
      call(normal(2, 3), [2, 1]),
      call(normal(2, 3), [3]),
      call(normal(2), [2, 1, 3]),
      call(normal(), 2),
      call(normal(1), [0]),
      call(normal(0, 2), [2, 2]),
    ],
    errors: [[call(normal(2), [-1]), /^tile: count -1; use 0 or more$/]],
  },
  repeat: {
    ref: (x: Nd, count: number, { axis = 0 }: { axis?: number } = {}): Nd => {
      const place = axisOf(axis, x.shape.length);
      const shape = x.shape.with(place, (x.shape[place] ?? 0) * count);
      return moved(x, shape, index => index.with(place, Math.floor((index[place] ?? 0) / count)));
    },
    cases: [
      call(normal(2, 3), 2),
      callWith({ axis: -1 }, normal(2, 3), 3),
      call(normal(1), 4),
      call(normal(0, 2), 2),
      call(normal(3), 0),
    ],
    errors: [
      [call(normal(2), -1), /^repeat: count -1; use 0 or more$/],
      [
        callWith({ axis: 2 }, normal(2, 3), 2),
        /^repeat: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/,
      ],
    ],
  },
};
