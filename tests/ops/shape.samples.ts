// Samples of views, joins and created tensors, against index arithmetic.
import { call, callWith, ints, nd, normal, size, typed } from './sample';
import type { Case, FamilySamples, Input, Nd } from './sample';

type Shape = readonly number[];

const listed = (x: number | Shape): Shape => (typeof x === 'number' ? [x] : x);
const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The element of x at exactly this index. */
const pick = (x: Nd, index: Shape): number =>
  x.data[x.shape.reduce((flat, extent, axis) => flat * extent + (index[axis] ?? 0), 0)] ?? NaN;

const reshaped = (x: Nd, shape: Shape): Nd => {
  const known = shape.reduce((product, extent) => (extent < 0 ? product : product * extent), 1);
  const whole = shape.map(extent => (extent < 0 ? x.data.length / known : extent));
  return { data: x.data, shape: whole };
};

/** A result whose element at an index is x's at another. */
const moved = (x: Nd, shape: Shape, from: (index: number[]) => Shape): Nd =>
  nd(shape, index => pick(x, from([...index])));

interface Bounds {
  readonly start: number;
  readonly count: number;
  readonly step: number;
}

/** Python's range over an axis. */
function bounds(extent: number, start: number, stop: number, step: number): Bounds {
  const at = (place: number): number => Math.min(Math.max(place < 0 ? place + extent : place, 0), extent);
  return { start: at(start), count: Math.max(0, Math.ceil((at(stop) - at(start)) / step)), step };
}

function sliced(
  x: Nd,
  starts: number | Shape,
  stops: number | Shape,
  { steps = [] }: { steps?: number | Shape } = {},
): Nd {
  const all = x.shape.map((extent, axis) =>
    bounds(extent, listed(starts)[axis] ?? 0, listed(stops)[axis] ?? extent, listed(steps)[axis] ?? 1),
  );
  return moved(
    x,
    all.map(({ count }) => count),
    index => index.map((i, axis) => (all[axis]?.start ?? 0) + i * (all[axis]?.step ?? 1)),
  );
}

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

const unsqueezed = (x: Nd, place: number): Nd => ({ data: x.data, shape: x.shape.toSpliced(place, 0, 1) });

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

const dtypeCases = (f: (dtype: string) => Case): Case[] =>
  ['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'].map(f);
const constant = (x: Input): Case => ({ args: [x], noGrad: 'the result does not depend on x' });
const outOfRange = (name: string, ...args: Case['args'][number][]): readonly [Case, RegExp] => [
  call(normal(2, 3), ...args),
  new RegExp(`^${name}: axis 2 is out of range for shape \\[2, 3\\]; use -2\\.\\.1$`),
];

export const samples: FamilySamples = {
  reshape: {
    ref: (x: Nd, shape: number | Shape): Nd => reshaped(x, listed(shape)),
    cases: [
      call(normal(2, 6), [3, 4]),
      call(normal(2, 6), [-1]),
      call(normal(2, 3, 4), [2, -1, 2]),
      call(normal(), [1, 1]),
      call(normal(1, 1), []),
      call(normal(0, 3), [3, 0, 2]),
      call(normal(6), [2, 3, 1]),
      call(normal(4, 3), 12),
    ],
    errors: [
      [
        call(normal(2, 3), [4, 2]),
        /^reshape: shape \[4, 2\] does not hold the 6 elements of \[2, 3\]; the products of the extents must be equal$/,
      ],
      [
        call(normal(2, 3), [-1, 4]),
        /^reshape: shape \[-1, 4\] does not hold the 6 elements of \[2, 3\]; the products of the extents must be equal$/,
      ],
      [
        call(normal(2, 3), [-1, -1]),
        /^reshape: shape \[-1, -1\] has a negative extent; only one may be -1, for what is left$/,
      ],
      [call(normal(1), [1, 1, 1, 1, 1, 1, 1, 1, 1]), /^reshape: 9 axes are too many; use at most 8$/],
    ],
  },
  flatten: {
    ref: (x: Nd, { start = 0, end = -1 }: { start?: number; end?: number } = {}): Nd => {
      const rank = x.shape.length;
      if (rank === 0) return reshaped(x, [1]);
      const [first, last] = [axisOf(start, rank), axisOf(end, rank)];
      return reshaped(x, x.shape.toSpliced(first, last - first + 1, size(x.shape.slice(first, last + 1))));
    },
    cases: [
      call(normal(2, 3, 4)),
      callWith({ start: 1 }, normal(2, 3, 4)),
      callWith({ start: -3, end: -2 }, normal(2, 3, 4)),
      call(normal()),
      call(normal(1)),
      callWith({ start: 1 }, normal(2, 0, 3)),
    ],
    errors: [
      [
        callWith({ start: 2 }, normal(2, 3)),
        /^flatten: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/,
      ],
      [
        callWith({ start: 1, end: 0 }, normal(2, 3)),
        /^flatten: start axis 1 is behind end axis 0; use start <= end$/,
      ],
    ],
  },
  transpose: {
    ref: (x: Nd, { axes }: { axes?: number | Shape } = {}): Nd => {
      const rank = x.shape.length;
      const order =
        axes === undefined ? x.shape.map((_, i) => rank - 1 - i) : listed(axes).map(a => axisOf(a, rank));
      const shape = order.map(axis => x.shape[axis] ?? 0);
      return moved(x, shape, index => x.shape.map((_, axis) => index[order.indexOf(axis)] ?? 0));
    },
    cases: [
      call(normal(2, 3)),
      callWith({ axes: [1, 2, 0] }, normal(2, 3, 4)),
      callWith({ axes: [-1, 0, -2] }, normal(2, 3, 4)),
      callWith({ axes: [0, 3, 1, 2] }, normal(2, 3, 4, 5)),
      call(normal()),
      callWith({ axes: 0 }, normal(1)),
      call(normal(0, 2)),
      call(normal(40, 33)),
    ],
    large: [call(normal(301, 203))],
    errors: [
      [
        callWith({ axes: [0] }, normal(2, 3)),
        /^transpose: 1 axes given for shape \[2, 3\]; name each of the 2 axes once$/,
      ],
      [callWith({ axes: [1, 1] }, normal(2, 3)), /^transpose: axis 1 is named twice; name each axis once$/],
      [
        callWith({ axes: [0, 2] }, normal(2, 3)),
        /^transpose: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/,
      ],
    ],
  },
  swapAxes: {
    ref: (x: Nd, first: number, second: number): Nd => {
      const [a, b] = [axisOf(first, x.shape.length), axisOf(second, x.shape.length)];
      const swap = (list: Shape): number[] => list.with(a, list[b] ?? 0).with(b, list[a] ?? 0);
      return moved(x, swap(x.shape), swap);
    },
    cases: [
      call(normal(2, 3), 0, 1),
      call(normal(2, 3, 4), -1, -3),
      call(normal(1), 0, 0),
      call(normal(0, 2), 0, 1),
    ],
    errors: [outOfRange('swapAxes', 0, 2)],
  },
  expandDims: {
    ref: (x: Nd, axis: number): Nd => unsqueezed(x, axisOf(axis, x.shape.length + 1)),
    cases: [
      call(normal(2, 3), 0),
      call(normal(2, 3), 2),
      call(normal(2, 3), -2),
      call(normal(), -1),
      call(normal(1), 1),
      call(normal(0), 0),
    ],
    errors: [
      [call(normal(2, 3), 3), /^expandDims: axis 3 is out of range for shape \[2, 3, 1\]; use -3\.\.2$/],
      [
        call(normal(1, 1, 1, 1, 1, 1, 1, 1), 0),
        /^expandDims: shape \[1, 1, 1, 1, 1, 1, 1, 1\] has 8 axes already, the most there are$/,
      ],
    ],
  },
  squeeze: {
    ref: (x: Nd, { axis }: { axis?: number | Shape } = {}): Nd => {
      const gone = axis === undefined ? undefined : listed(axis).map(a => axisOf(a, x.shape.length));
      return {
        data: x.data,
        shape: x.shape.filter((extent, i) => (gone === undefined ? extent !== 1 : !gone.includes(i))),
      };
    },
    cases: [
      call(normal(1, 3, 1)),
      callWith({ axis: 0 }, normal(1, 3, 1)),
      callWith({ axis: [-1, 0] }, normal(1, 3, 1)),
      call(normal()),
      call(normal(1)),
      call(normal(0, 1)),
    ],
    errors: [
      [
        callWith({ axis: 1 }, normal(1, 3)),
        /^squeeze: axis 1 of shape \[1, 3\] has more or less than 1 element; only axes of extent 1 can go$/,
      ],
      [
        callWith({ axis: 2 }, normal(2, 3)),
        /^squeeze: axis 2 is out of range for shape \[2, 3\]; use -2\.\.1$/,
      ],
    ],
  },
  broadcastTo: {
    ref: (x: Nd, shape: number | Shape): Nd => {
      const lead = listed(shape).length - x.shape.length;
      return moved(x, listed(shape), index =>
        x.shape.map((extent, axis) => (extent === 1 ? 0 : (index[axis + lead] ?? 0))),
      );
    },
    cases: [
      call(normal(3), [2, 3]),
      call(normal(2, 1, 3), [2, 4, 3]),
      call(normal(), [2, 2]),
      call(normal(1), 5),
      call(normal(1, 3), [0, 3]),
      call(normal(0, 1), [2, 0, 3]),
      call(normal(2, 3), [2, 3]),
    ],
    errors: [
      [
        call(normal(2, 3), [2, 1]),
        /^broadcastTo: shape \[2, 3\] does not stretch to \[2, 1\]; extents must be equal, or 1 to be repeated$/,
      ],
      [
        call(normal(3), [2, 4]),
        /^broadcastTo: shapes \[3\] and \[2, 4\] do not broadcast; extents must be equal or 1$/,
      ],
      [call(normal(3), [-1, 3]), /^broadcastTo: shape \[-1, 3\] has a negative extent; use 0 or more$/],
    ],
  },
  slice: {
    ref: sliced,
    cases: [
      call(normal(5, 4), [1], [3]),
      call(normal(5, 4), [-3, 1], [-1, 100]),
      callWith({ steps: [2, 3] }, normal(7, 8), [1, 0], [7, 8]),
      callWith({ steps: 2 }, normal(5), 0, 5),
      call(normal(5, 4), [3], [1]),
      call(normal(1), [0], [1]),
      call(normal(0, 2), [0, 1], [0, 2]),
      call(normal(), [], []),
      call(normal(2, 3, 4, 5), [0, 1, 1, 2], [1, 3, 4, 4]),
    ],
    errors: [
      [
        call(normal(2, 3), [0, 1], [1]),
        /^slice: 2 starts, 1 stops and 0 steps for shape \[2, 3\]; give as many of each, at most one for each axis$/,
      ],
      [
        call(normal(2), [0, 0], [1, 1]),
        /^slice: 2 starts, 2 stops and 0 steps for shape \[2\]; give as many of each, at most one for each axis$/,
      ],
      [
        callWith({ steps: [0] }, normal(2), [0], [1]),
        /^slice: step 0 of axis 0 goes nowhere or back; use 1 or more, or flip$/,
      ],
    ],
  },
  contiguous: {
    ref: (x: Nd): Nd => x,
    cases: [call(normal(2, 3)), call(normal()), call(normal(0, 2)), call(normal(1, 40, 1, 3))],
    large: [call(normal(301, 203))],
    errors: [[call(3), /^contiguous: x must be a tensor, got 3$/]],
  },

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

  zerosLike: {
    ref: (x: Nd): Nd => nd(x.shape, () => 0),
    cases: [normal(2, 3), normal(), normal(1), normal(0, 2)].map(constant),
    errors: [],
  },
  onesLike: {
    ref: (x: Nd): Nd => nd(x.shape, () => 1),
    cases: [normal(2, 3), normal(), normal(1), normal(0, 2)].map(constant),
    errors: [],
  },
  zeros: {
    ref: (shape: number | Shape): Nd => nd(listed(shape), () => 0),
    cases: [call([2, 3]), call(4), call([]), call([0, 2]), ...dtypeCases(dtype => callWith({ dtype }, [3]))],
    errors: [[call([-1]), /^zeros: shape \[-1\] has a negative extent; use 0 or more$/]],
  },
  ones: {
    ref: (shape: number | Shape): Nd => nd(listed(shape), () => 1),
    cases: [call([2, 3]), call(4), call([]), call([0, 2]), ...dtypeCases(dtype => callWith({ dtype }, [3]))],
    errors: [[call([-1]), /^ones: shape \[-1\] has a negative extent; use 0 or more$/]],
  },
  full: {
    ref: (shape: number | Shape, value: number): Nd => nd(listed(shape), () => value),
    cases: [
      call([2, 3], 0.5),
      call([], -2),
      call([0], 1),
      ...dtypeCases(dtype => callWith({ dtype }, [5], 3)),
      callWith({ dtype: 'f64' }, [2], 0.1),
      callWith({ dtype: 'f16' }, [2], 0.1),
    ],
    errors: [
      [
        callWith({ dtype: 'i32' }, [2], 0.5),
        /^full: i32 elements cannot be 0\.5; use a float dtype or a whole number$/,
      ],
      [call([2, -2], 1), /^full: shape \[2, -2\] has a negative extent; use 0 or more$/],
    ],
  },
  arange: {
    ref: (start: number, stop: number, { step = 1 }: { step?: number } = {}): Nd =>
      nd([Math.max(0, Math.ceil((stop - start) / step))], (_, i) => start + i * step),
    cases: [
      call(0, 10),
      callWith({ step: 0.25 }, -1, 1.1),
      callWith({ step: -2 }, 5, -4),
      call(3, 3),
      call(0, 1000),
      ...dtypeCases(dtype => callWith({ dtype, step: 3 }, 0, 10)),
    ],
    errors: [
      [
        callWith({ step: 0 }, 0, 1),
        /^arange: from 0 to 1 in steps of 0 has no finite length; use finite numbers and a step that is not 0$/,
      ],
      [
        call(0, Infinity),
        /^arange: from 0 to Infinity in steps of 1 has no finite length; use finite numbers and a step that is not 0$/,
      ],
      [
        callWith({ step: 0.5, dtype: 'i32' }, 0, 1),
        /^arange: start 0 and step 0\.5 for i32; use whole numbers or a float dtype$/,
      ],
    ],
  },
  eye: {
    ref: (rows: number, { columns = -1 }: { columns?: number } = {}): Nd =>
      nd([rows, columns < 0 ? rows : columns], ([i, j]) => Number(i === j)),
    cases: [
      call(3),
      callWith({ columns: 5 }, 2),
      callWith({ columns: 0 }, 2),
      call(0),
      ...dtypeCases(dtype => callWith({ dtype }, 2)),
    ],
    errors: [[call(-2), /^eye: shape \[-2, -2\] has a negative extent; use 0 or more$/]],
  },
};
