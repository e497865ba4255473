// Samples of convolution and its gradients, against one loop over all products of a convolution.
import { call, callWith, ints, nd, normal, size, typed } from './sample';
import type { FamilySamples, Nd } from './sample';

interface Options {
  readonly stride?: number | readonly number[];
  readonly padding?: number | readonly number[];
  readonly dilation?: number | readonly number[];
  readonly groups?: number;
  readonly activation?: string;
}

type Pair = readonly [number, number];

const pair = (given: number | readonly number[] = 1): Pair => {
  const list = typeof given === 'number' ? [given] : given;
  return [list[0] ?? NaN, list.at(-1) ?? NaN];
};

/** Top, bottom, left, right. */
const sides = (given: number | readonly number[] = 0): readonly [number, number, number, number] => {
  const list = typeof given === 'number' ? [given] : given;
  if (list.length === 4) return [list[0] ?? NaN, list[1] ?? NaN, list[2] ?? NaN, list[3] ?? NaN];
  const [vertical, horizontal] = pair(list);
  return [vertical, vertical, horizontal, horizontal];
};

const extent = (input: number, pads: number, kernel: number, stride: number, dilation: number): number =>
  Math.floor((input + pads - dilation * (kernel - 1) - 1) / stride) + 1;

interface Shapes {
  readonly image: readonly number[];
  readonly weight: readonly number[];
  readonly output: readonly number[];
}

function shapesOf(image: readonly number[], weight: readonly number[], options: Options): Shapes {
  const [batch = 0, height = 0, width = 0] = image;
  const [outs = 0, kh = 0, kw = 0] = weight;
  const [stride, dilation] = [pair(options.stride), pair(options.dilation)];
  const [top, bottom, left, right] = sides(options.padding);
  const rows = extent(height, top + bottom, kh, stride[0], dilation[0]);
  const columns = extent(width, left + right, kw, stride[1], dilation[1]);
  return { image, weight, output: [batch, rows, columns, outs] };
}

/** Calls `each` with the flat indices of image, weight and output of every product that is not with padding. */
function products(
  { image, weight, output }: Shapes,
  options: Options,
  each: (x: number, w: number, y: number) => void,
): void {
  const [, height = 0, width = 0, channels = 0] = image;
  const [outs = 0, kh = 0, kw = 0, depth = 0] = weight;
  const [stride, dilation] = [pair(options.stride), pair(options.dilation)];
  const [top, , left] = sides(options.padding);
  const perGroup = outs / (options.groups ?? 1);
  nd(output, ([n = 0, i = 0, j = 0, o = 0], y) => {
    nd([kh, kw, depth], ([u = 0, v = 0, c = 0]) => {
      const row = i * stride[0] + u * dilation[0] - top;
      const column = j * stride[1] + v * dilation[1] - left;
      if (row >= 0 && row < height && column >= 0 && column < width) {
        const channel = Math.floor(o / perGroup) * depth + c;
        each(
          ((n * height + row) * width + column) * channels + channel,
          ((o * kh + u) * kw + v) * depth + c,
          y,
        );
      }
      return 0;
    });
    return 0;
  });
}

const zeros = (shape: readonly number[]): Nd => ({ data: new Float64Array(size(shape)), shape });

function addTo(sum: Nd, index: number, a: number | undefined, b: number | undefined): void {
  sum.data[index] = (sum.data[index] ?? NaN) + (a ?? NaN) * (b ?? NaN);
}

function conv2d(x: Nd, weight: Nd, bias: Nd | undefined, options: Options = {}): Nd {
  const shapes = shapesOf(x.shape, weight.shape, options);
  const y = zeros(shapes.output);
  products(shapes, options, (xi, wi, yi) => addTo(y, yi, x.data[xi], weight.data[wi]));
  const outs = weight.shape[0] ?? 0;
  return nd(y.shape, (_, flat) => {
    const z = (y.data[flat] ?? NaN) + (bias?.data[flat % outs] ?? 0);
    return options.activation === 'relu' ? Math.max(z, 0) : z;
  });
}

function inputGrad(dy: Nd, weight: Nd, extents: number | readonly number[], options: Options = {}): Nd {
  const channels = (weight.shape[3] ?? 0) * (options.groups ?? 1);
  const image = [dy.shape[0] ?? 0, ...pair(extents), channels];
  const dx = zeros(image);
  products(shapesOf(image, weight.shape, options), options, (xi, wi, yi) =>
    addTo(dx, xi, dy.data[yi], weight.data[wi]),
  );
  return dx;
}

function weightGrad(x: Nd, dy: Nd, kernel: number | readonly number[], options: Options = {}): Nd {
  const depth = (x.shape[3] ?? 0) / (options.groups ?? 1);
  const dw = zeros([dy.shape[3] ?? 0, ...pair(kernel), depth]);
  products(shapesOf(x.shape, dw.shape, options), options, (xi, wi, yi) =>
    addTo(dw, wi, dy.data[yi], x.data[xi]),
  );
  return dw;
}

export const samples: FamilySamples = {
  conv2d: {
    ref: conv2d,
    cases: [
      call(normal(2, 5, 6, 3), normal(4, 3, 3, 3)),
      call(normal(1, 4, 4, 2), normal(3, 2, 3, 2), normal(3)),
      callWith({ padding: [1, 1] }, normal(2, 4, 5, 1), normal(2, 3, 3, 1), normal(2)),
      callWith({ padding: 2 }, normal(1, 6, 6, 1), normal(6, 5, 5, 1), normal(6)),
      callWith({ padding: [1, 0, 2, 1] }, normal(1, 4, 4, 2), normal(2, 3, 3, 2)),
      callWith({ stride: [2, 2] }, normal(2, 7, 7, 2), normal(3, 3, 3, 2), normal(3)),
      callWith({ stride: [1, 3], padding: 1 }, normal(1, 5, 8, 2), normal(2, 3, 2, 2)),
      callWith({ stride: 3 }, normal(1, 6, 6, 2), normal(2, 2, 2, 2)),
      callWith({ dilation: [2, 1] }, normal(1, 6, 5, 2), normal(2, 3, 3, 2)),
      callWith({ dilation: 2, stride: 2, padding: 2 }, normal(1, 7, 6, 2), normal(2, 3, 3, 2), normal(2)),
      callWith({ groups: 2 }, normal(1, 4, 5, 4), normal(6, 3, 2, 2), normal(6)),
      callWith({ groups: 3, padding: 1 }, normal(2, 4, 4, 3), normal(3, 3, 3, 1), normal(3)),
      callWith({ groups: 2, stride: 2, padding: 1 }, normal(1, 5, 5, 2), normal(4, 3, 3, 1)),
      callWith({ activation: 'relu' }, normal(1, 4, 4, 2), normal(3, 3, 3, 2), normal(3)),
      callWith({ activation: 'relu' }, normal(2, 3, 3, 2), normal(3, 2, 2, 2)),
      call(normal(2, 3, 4, 5), normal(7, 1, 1, 5), normal(7)),
      call(normal(1, 3, 3, 17), normal(35, 3, 3, 17), normal(35)),
      call(normal(1, 1, 1, 1), normal(1, 1, 1, 1), normal(1)),
      callWith({ padding: 3 }, normal(1, 1, 2, 2), normal(2, 3, 3, 2)),
      call(normal(0, 4, 4, 2), normal(3, 3, 3, 2), normal(3)),
      call(normal(1, 4, 4, 0), normal(3, 3, 3, 0), normal(3)),
      callWith({ padding: 1 }, normal(2, 0, 3, 2), normal(2, 2, 2, 2)),
    ],
    large: [
      callWith({ padding: 2 }, normal(9, 28, 28, 3), normal(8, 5, 5, 3), normal(8)),
      callWith({ stride: 2 }, normal(5, 31, 31, 6), normal(16, 3, 3, 6), undefined),
      callWith({ groups: 24, padding: 1 }, normal(4, 24, 24, 24), normal(24, 3, 3, 1), undefined),
    ],
    errors: [
      [
        call(normal(4, 4, 3), normal(8, 3, 3, 3)),
        /^conv2d: x has shape \[4, 4, 3\]; use \[batch, height, width, channels\]$/,
      ],
      [
        call(normal(1, 4, 4, 3), normal(8, 3, 3)),
        /^conv2d: weight has shape \[8, 3, 3\]; use \[out, kh, kw, channels \/ groups\]$/,
      ],
      [
        call(normal(1, 4, 4, 3), normal(8, 3, 3, 4)),
        /^conv2d: x has 3 channels, weight \[8, 3, 3, 4\] with groups 1 expects 4; use weights \[out, kh, kw, channels \/ groups\]$/,
      ],
      [
        callWith({ groups: 3 }, normal(1, 4, 4, 3), normal(8, 3, 3, 1)),
        /^conv2d: 8 outputs do not divide into 3 groups; use a divisor of 8$/,
      ],
      [
        callWith({ groups: 0 }, normal(1, 4, 4, 3), normal(8, 3, 3, 3)),
        /^conv2d: groups is 0; use 1 or more$/,
      ],
      [call(normal(1, 4, 4, 3), normal(8, 3, 3, 3), normal(3)), /^conv2d: bias has shape \[3\]; use \[8\]$/],
      [
        callWith({ stride: [0, 1] }, normal(1, 4, 4, 3), normal(8, 3, 3, 3)),
        /^conv2d: stride \[0, 1\] is too small; use 1 or more$/,
      ],
      [
        callWith({ dilation: [1, 2, 3] }, normal(1, 4, 4, 3), normal(8, 3, 3, 3)),
        /^conv2d: dilation has 3 numbers; give 1 or 2 \(\[vertical, horizontal\]\)$/,
      ],
      [
        callWith({ padding: [1, 2, 3] }, normal(1, 4, 4, 3), normal(8, 3, 3, 3)),
        /^conv2d: padding has 3 numbers; give 1, 2 \(\[vertical, horizontal\]\) or 4 \(\[top, bottom, left, right\]\)$/,
      ],
      [
        callWith({ padding: [0, -1] }, normal(1, 4, 4, 3), normal(8, 3, 3, 3)),
        /^conv2d: padding \[0, -1\] is negative; use 0 or more$/,
      ],
      [
        callWith({ dilation: 2 }, normal(1, 9, 4, 3), normal(8, 3, 3, 3)),
        /^conv2d: width 4 with padding 0 \+ 0 is smaller than the window, which spans 5; use a smaller window or more padding$/,
      ],
      [
        call(normal(1, 4, 4, 3), normal(8, 0, 3, 3)),
        /^conv2d: a window of 0 x 3 has no elements; use sizes of 1 or more$/,
      ],
      [
        call(ints(0, 5, [1, 4, 4, 3]), typed('f32', normal(8, 3, 3, 3))),
        /^conv2d: x needs a float dtype, got i32$/,
      ],
    ],
  },
  conv2dInputGrad: {
    ref: inputGrad,
    cases: [
      call(normal(2, 3, 4, 3), normal(3, 3, 3, 2), [5, 6]),
      callWith({ padding: 1 }, normal(1, 4, 5, 2), normal(2, 3, 3, 3), [4, 5]),
      callWith({ stride: [2, 2] }, normal(1, 3, 3, 2), normal(2, 3, 3, 2), [8, 7]),
      callWith(
        { stride: [3, 1], dilation: [2, 3], padding: [1, 0, 2, 1] },
        normal(1, 2, 3, 2),
        normal(2, 2, 3, 2),
        [5, 6],
      ),
      callWith({ stride: 2 }, normal(1, 3, 3, 2), normal(2, 1, 1, 3), 6),
      callWith({ groups: 2 }, normal(1, 3, 3, 4), normal(4, 2, 2, 3), 4),
      callWith({ groups: 3, stride: 2, padding: 1 }, normal(1, 3, 3, 3), normal(3, 3, 3, 1), 5),
      call(normal(1, 1, 1, 1), normal(1, 1, 1, 1), [1, 1]),
      call(normal(0, 2, 2, 3), normal(3, 2, 2, 2), [3, 3]),
      call(normal(1, 2, 2, 0), normal(0, 2, 2, 2), [3, 3]),
    ],
    errors: [
      [
        call(normal(1, 3, 3, 2), normal(2, 3, 3, 2), [6, 5]),
        /^conv2dInputGrad: dy has shape \[1, 3, 3, 2\]; images \[1, 6, 5, 2\] give \[1, 4, 3, 2\]$/,
      ],
      [
        call(normal(3, 3, 2), normal(2, 3, 3, 2), [5, 5]),
        /^conv2dInputGrad: dy has shape \[3, 3, 2\]; use \[batch, rows, columns, out\]$/,
      ],
      [
        call(normal(1, 3, 3, 2), normal(2, 3, 3, 2), [5, 5, 5]),
        /^conv2dInputGrad: size has 3 numbers; give 1 or 2 \(\[vertical, horizontal\]\)$/,
      ],
    ],
  },
  conv2dWeightGrad: {
    ref: weightGrad,
    cases: [
      call(normal(2, 5, 6, 2), normal(2, 3, 4, 3), [3, 3]),
      callWith({ padding: 1 }, normal(1, 4, 5, 3), normal(1, 4, 5, 2), 3),
      callWith({ stride: [2, 2] }, normal(1, 8, 7, 2), normal(1, 3, 3, 2), 3),
      callWith(
        { stride: [3, 1], dilation: [2, 3], padding: [1, 0, 2, 1] },
        normal(1, 5, 6, 2),
        normal(1, 2, 3, 2),
        [2, 3],
      ),
      callWith({ groups: 2 }, normal(1, 4, 4, 6), normal(1, 3, 3, 4), 2),
      callWith({ groups: 3, stride: 2, padding: 1 }, normal(2, 5, 5, 3), normal(2, 3, 3, 3), 3),
      call(normal(1, 1, 1, 1), normal(1, 1, 1, 1), [1, 1]),
      call(normal(0, 4, 4, 2), normal(0, 3, 3, 3), [2, 2]),
    ],
    errors: [
      [
        call(normal(1, 5, 5, 2), normal(1, 4, 3, 2), [3, 3]),
        /^conv2dWeightGrad: dy has shape \[1, 4, 3, 2\]; images \[1, 5, 5, 2\] give \[1, 3, 3, 2\]$/,
      ],
      [
        callWith({ groups: 3 }, normal(1, 5, 5, 2), normal(1, 3, 3, 3), [3, 3]),
        /^conv2dWeightGrad: 2 channels do not divide into 3 groups; use a divisor of 2$/,
      ],
      [
        call(normal(1, 5, 5, 2), normal(1, 3, 3, 2), [0, 3]),
        /^conv2dWeightGrad: size \[0, 3\] is too small; use 1 or more$/,
      ],
    ],
  },
};
