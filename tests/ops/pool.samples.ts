// Samples of pooling, against loops over every window.
import { call, callWith, ints, nd, normal } from './sample';
import type { FamilySamples, Nd } from './sample';

interface Options {
  readonly size?: number | readonly number[];
  readonly stride?: number | readonly number[];
  readonly padding?: number | readonly number[];
  readonly dilation?: number | readonly number[];
  readonly ceilMode?: boolean;
  readonly countIncludePad?: boolean;
}

/** One axis of the windows. */
interface Axis {
  readonly input: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly windows: number;
}

const one = (given: number | readonly number[], axis: number): number =>
  typeof given === 'number' ? given : (given.at(given.length === 1 ? 0 : axis) ?? NaN);

function axisOf(x: Nd, axis: number, options: Options): Axis {
  const input = x.shape[axis + 1] ?? NaN;
  const size = one(options.size ?? 2, axis);
  const stride = one(options.stride ?? size, axis);
  const dilation = one(options.dilation ?? 1, axis);
  const padding = options.padding ?? 0;
  const four = typeof padding !== 'number' && padding.length === 4;
  const before = four ? (padding[2 * axis] ?? NaN) : one(padding, axis);
  const after = four ? (padding[2 * axis + 1] ?? NaN) : one(padding, axis);
  const room = (input + before + after - dilation * (size - 1) - 1) / stride;
  let windows = Math.floor(room) + 1;
  if (options.ceilMode) {
    windows = Math.ceil(room) + 1;
    if ((windows - 1) * stride >= input + before) windows--;
  }
  return { input, size, stride, dilation, before, after, windows };
}

/** What an axis' window number `i` covers: positions inside the input, and how many inside the padded one. */
function cover(axis: Axis, i: number): { readonly inside: number[]; readonly padded: number } {
  const positions = Array.from(
    { length: axis.size },
    (_, t) => i * axis.stride - axis.before + t * axis.dilation,
  );
  return {
    inside: positions.filter(p => p >= 0 && p < axis.input),
    padded: positions.filter(p => p < axis.input + axis.after).length,
  };
}

/** Applies `f` to the elements of every window, given also how many positions of the padded image it covers. */
function pooled(x: Nd, options: Options, f: (elements: number[], padded: number) => number): Nd {
  const [batch = 0, , , channels = 0] = x.shape;
  const [down, across] = [axisOf(x, 0, options), axisOf(x, 1, options)];
  return nd([batch, down.windows, across.windows, channels], ([n = 0, i = 0, j = 0, c = 0]) => {
    const [rows, columns] = [cover(down, i), cover(across, j)];
    const elements = rows.inside.flatMap(row =>
      columns.inside.map(
        column => x.data[((n * down.input + row) * across.input + column) * channels + c] ?? NaN,
      ),
    );
    return f(elements, rows.padded * columns.padded);
  });
}

const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);

export const samples: FamilySamples = {
  maxPool2d: {
    ref: (x: Nd, options: Options = {}) => pooled(x, options, elements => Math.max(...elements)),
    cases: [
      call(normal(2, 4, 6, 3)),
      call(normal(1, 5, 5, 17)),
      callWith({ size: [3, 2] }, normal(1, 7, 5, 2)),
      callWith({ size: 3, stride: [2, 1], padding: [1, 1] }, normal(2, 5, 6, 2)),
      callWith({ size: 3, stride: 2, padding: [1, 0, 0, 1] }, normal(1, 6, 6, 3)),
      callWith({ size: [2, 3], stride: 1, dilation: [2, 2] }, normal(1, 5, 7, 2)),
      callWith({ size: 3, stride: 2, ceilMode: true }, normal(1, 6, 8, 2)),
      callWith({ size: 2, stride: 3, padding: 1, ceilMode: true }, normal(1, 5, 7, 2)),
      callWith({ size: 17 }, normal(1, 17, 17, 2)),
      call(normal(0, 4, 4, 2)),
      callWith({ size: 1 }, normal(1, 1, 1, 1)),
    ],
    large: [call(normal(9, 30, 30, 7)), callWith({ size: 3, stride: 1 }, normal(9, 30, 30, 7))],
    errors: [
      [call(normal(4, 4, 3)), /^maxPool2d: x has shape \[4, 4, 3\]; use \[batch, height, width, channels\]$/],
      [
        callWith({ size: [0, 2] }, normal(1, 4, 4, 3)),
        /^maxPool2d: size \[0, 2\] is too small; use 1 or more$/,
      ],
      [
        callWith({ size: 3, padding: 2 }, normal(1, 4, 4, 3)),
        /^maxPool2d: padding 2 is more than half of the window's size 3; use at most 1$/,
      ],
      [
        callWith({ size: 5 }, normal(1, 4, 6, 3)),
        /^maxPool2d: height 4 with padding 0 \+ 0 is smaller than the window, which spans 5; use a smaller window or more padding$/,
      ],
      [call(ints(0, 5, [1, 4, 4, 3])), /^maxPool2d: x needs a float dtype, got i32$/],
    ],
  },
  avgPool2d: {
    ref: (x: Nd, options: Options = {}) =>
      pooled(
        x,
        options,
        (elements, padded) => sum(elements) / (options.countIncludePad === false ? elements.length : padded),
      ),
    cases: [
      call(normal(2, 4, 6, 3)),
      callWith({ size: [3, 2] }, normal(1, 7, 5, 17)),
      callWith({ size: 3, stride: [2, 1], padding: [1, 1] }, normal(2, 5, 6, 2)),
      callWith({ size: 3, stride: 2, padding: 1, countIncludePad: false }, normal(1, 6, 6, 3)),
      callWith({ size: 2, stride: 3, padding: [0, 1, 1, 0], ceilMode: true }, normal(1, 6, 7, 2)),
      callWith({ size: 3, stride: 2, padding: 1, ceilMode: true }, normal(1, 6, 5, 2)),
      callWith({ size: 1, stride: 2 }, normal(1, 3, 4, 2)),
      call(normal(2, 4, 4, 0)),
      callWith({ size: 1 }, normal(1, 1, 1, 1)),
    ],
    large: [call(normal(9, 30, 30, 7))],
    errors: [
      [call(normal(4)), /^avgPool2d: x has shape \[4\]; use \[batch, height, width, channels\]$/],
      [
        callWith({ stride: [1, 1, 1] }, normal(1, 4, 4, 3)),
        /^avgPool2d: stride has 3 numbers; give 1 or 2 \(\[vertical, horizontal\]\)$/,
      ],
      [
        callWith({ padding: [0, 0, 2, 0] }, normal(1, 4, 4, 3)),
        /^avgPool2d: padding 2 is more than half of the window's size 2; use at most 1$/,
      ],
    ],
  },
  globalAvgPool2d: {
    ref: (x: Nd, options: { keepDims?: boolean } = {}) => {
      const [batch = 0, height = 0, width = 0, channels = 0] = x.shape;
      return nd(options.keepDims ? [batch, 1, 1, channels] : [batch, channels], index => {
        const n = index[0] ?? 0;
        const c = index.at(-1) ?? 0;
        const pixels = Array.from({ length: height * width }, (_, p) => p);
        return sum(pixels.map(p => x.data[(n * height * width + p) * channels + c] ?? NaN)) / pixels.length;
      });
    },
    cases: [
      call(normal(2, 3, 4, 5)),
      callWith({ keepDims: true }, normal(2, 3, 4, 5)),
      call(normal(0, 2, 2, 3)),
      call(normal(1, 1, 1, 1)),
    ],
    errors: [
      [call(normal(2, 3)), /^globalAvgPool2d: x has shape \[2, 3\]; use \[batch, height, width, channels\]$/],
    ],
  },
};
