// Index arithmetic that the samples of views and joins are checked against.
import { call, nd, normal } from './sample';
import type { Case, Nd } from './sample';

export type Shape = readonly number[];

export const listed = (x: number | Shape): Shape => (typeof x === 'number' ? [x] : x);
export const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** The element of x at exactly this index. */
export const pick = (x: Nd, index: Shape): number =>
  x.data[x.shape.reduce((flat, extent, axis) => flat * extent + (index[axis] ?? 0), 0)] ?? NaN;

export const reshaped = (x: Nd, shape: Shape): Nd => {
  const known = shape.reduce((product, extent) => (extent < 0 ? product : product * extent), 1);
  const whole = shape.map(extent => (extent < 0 ? x.data.length / known : extent));
  return { data: x.data, shape: whole };
};

/** A result whose element at an index is x's at another. */
export const moved = (x: Nd, shape: Shape, from: (index: number[]) => Shape): Nd =>
  nd(shape, index => pick(x, from([...index])));

export const unsqueezed = (x: Nd, place: number): Nd => ({
  data: x.data,
  shape: x.shape.toSpliced(place, 0, 1),
});

export const outOfRange = (name: string, ...args: Case['args'][number][]): readonly [Case, RegExp] => [
  call(normal(2, 3), ...args),
  new RegExp(`^${name}: axis 2 is out of range for shape \\[2, 3\\]; use -2\\.\\.1$`),
];
