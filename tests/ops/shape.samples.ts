// Samples of views, against index arithmetic.
import { call, callWith, normal, size } from './sample';
import type { FamilySamples, Nd } from './sample';
import { axisOf, listed, moved, outOfRange, reshaped, unsqueezed } from './shape-reference';
import type { Shape } from './shape-reference';

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
};
