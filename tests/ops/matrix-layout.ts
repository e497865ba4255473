// The same numbers in other memory: transposed, repeated, strided and offset views, and constants without memory.
import * as ops from '../../ts/ops.gen';
import type { Tensor } from '../../ts/tensor';
import type { Drawn } from './matrix-draw';
import { place } from './matrix-run';
import { nd } from './sample';
import type { Nd } from './sample';

/** A way to hold an input. `of` changes the numbers where the layout cannot hold any; undefined: it does not apply. */
export interface Layout {
  readonly name: string;
  of(x: Drawn): Drawn | undefined;
  put(x: Drawn): Tensor;
}

const flatten = (shape: readonly number[], index: readonly number[]): number =>
  shape.reduce((flat, extent, axis) => flat * extent + (index[axis] ?? 0), 0);

const rebuilt = (x: Drawn, shape: readonly number[], from: (index: number[]) => number[]): Drawn => ({
  ...x,
  ...nd(shape, index => x.data[flatten(x.shape, from(index))] ?? 0),
});

const keep = (x: Drawn): Drawn => x;

const transposed: Layout = {
  name: 'transposed',
  of: x => (x.shape.length < 2 ? undefined : x),
  put: x => {
    const axes = x.shape.map((_, axis) => x.shape.length - 1 - axis);
    const turned = rebuilt(x, [...x.shape].reverse(), index => [...index].reverse());
    return ops.transpose(place(turned), { axes });
  },
};

/** The first axis that is longer than 1 and the numbers along it all the same. */
const repeatedAlong = (last: boolean): Layout => {
  const axisOf = (x: Nd): number =>
    last ? x.shape.findLastIndex(extent => extent > 1) : x.shape.findIndex(extent => extent > 1);
  const base = (x: Drawn): Drawn => {
    const axis = axisOf(x);
    return rebuilt(
      x,
      x.shape.map((extent, i) => (i === axis ? 1 : extent)),
      index => index,
    );
  };
  return {
    name: last ? 'last axis repeated' : 'first axis repeated',
    of: x => {
      const axis = axisOf(x);
      if (axis < 0) return undefined;
      return rebuilt(x, x.shape, index => index.map((i, k) => (k === axis ? 0 : i)));
    },
    put: x => ops.broadcastTo(place(base(x)), x.shape),
  };
};

const strided: Layout = {
  name: 'strided',
  of: x => (x.shape.length === 0 ? undefined : x),
  put: x => {
    const wide = x.shape.map(extent => 2 * extent + 1);
    const spread = rebuilt(x, wide, index =>
      index.map((i, axis) => Math.min(i >> 1, Math.max((x.shape[axis] ?? 1) - 1, 0))),
    );
    const starts = x.shape.map(() => 1);
    const stops = x.shape.map(extent => 2 * extent + 1);
    return ops.slice(place(spread), starts, stops, { steps: x.shape.map(() => 2) });
  },
};

const offset: Layout = {
  name: 'offset',
  of: x => (x.shape.length === 0 ? undefined : x),
  put: x => {
    const first = x.shape[0] ?? 0;
    const longer = rebuilt(x, [first + 3, ...x.shape.slice(1)], ([i = 0, ...rest]) => [
      Math.max(i - 3, 0),
      ...rest,
    ]);
    const starts = x.shape.map((_, axis) => (axis === 0 ? 3 : 0));
    const stops = x.shape.map((extent, axis) => (axis === 0 ? extent + 3 : extent));
    return ops.slice(place(longer), starts, stops);
  },
};

const reversed: Layout = {
  name: 'reversed',
  of: x => (x.shape.length === 0 ? undefined : x),
  put: x => {
    const axes = x.shape.map((_, axis) => axis);
    const turned = rebuilt(x, x.shape, index => index.map((i, axis) => (x.shape[axis] ?? 0) - 1 - i));
    return ops.flip(place(turned), { axis: axes });
  },
};

const constant: Layout = {
  name: 'constant',
  of: x => (x.free ? { ...x, ...nd(x.shape, () => 1) } : undefined),
  put: x => ops.onesLike(place(x)),
};

export const contiguous: Layout = { name: 'contiguous', of: keep, put: place };

export const layouts: readonly Layout[] = [
  transposed,
  repeatedAlong(false),
  repeatedAlong(true),
  strided,
  offset,
  reversed,
  constant,
];
