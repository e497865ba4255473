// Many small images as one picture: samples of a data set, the filters of a layer.
import { ShapeError, ValueError } from '../errors';
import type { Image } from './png';

/** Images `[count, height, width, channels]`, channels 1 or 3, row-major. */
export interface ImageBatch {
  data: Float32Array | Uint8Array;
  shape: readonly number[];
}

/** How a grid is laid out; `range` says which values become black and white. */
export interface ImageGridOptions {
  /** Images per row; by default the grid is about square. */
  columns?: number;
  /** Pixels per side of one value: whole-number enlargement. */
  scale?: number;
  /** Pixels between images. */
  gap?: number;
  /** 'each': the extremes of each image; 'all': those of the batch; or the two values themselves. */
  range?: 'each' | 'all' | readonly [number, number];
}

const OP = 'imageGrid';
const GAP_SHADE = 128;
const MAX_PIXELS = 2 ** 26;

function checkBatch({ data, shape }: ImageBatch): [number, number, number, 1 | 3] {
  const [count = 0, height = 0, width = 0, channels = 0] = shape;
  const named = `[${shape.join(', ')}]`;
  if (shape.length !== 4 || shape.some(extent => !Number.isSafeInteger(extent) || extent < 1)) {
    throw new ShapeError(OP, `shape ${named}; use [count, height, width, channels], each 1 or more`);
  }
  if (channels !== 1 && channels !== 3) {
    throw new ShapeError(OP, `shape ${named} has ${channels} channels; use 1 (grey) or 3 (RGB)`);
  }
  if (data.length !== count * height * width * channels) {
    throw new ShapeError(OP, `${data.length} values for shape ${named}; use as many as the shape holds`);
  }
  const wrong = data.findIndex((value: number) => !Number.isFinite(value));
  if (wrong >= 0) throw new ValueError(OP, `value ${wrong} is ${data[wrong]}; use finite values`);
  return [count, height, width, channels];
}

function checkInteger(name: string, value: number, low: number): void {
  if (!Number.isInteger(value) || value < low || value > 4096) {
    throw new ValueError(OP, `${name} is ${value}; use an integer of ${low}..4096`);
  }
}

function extremes(values: Float32Array | Uint8Array): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

// 0..255 for a value of low..high; a flat image is mid-grey.
function shade(value: number, low: number, high: number): number {
  if (high <= low) return GAP_SHADE;
  return Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low))));
}

/**
 * One picture of a batch of images, row by row, ready for `encodePng`.
 *
 * @example
 * const filters = new nn.Conv2d(1, 6, 5).weight;
 * const values = (await filters.read()) as Float32Array;
 * const png = await viz.encodePng(viz.imageGrid({ data: values, shape: filters.shape }, { scale: 8 }));
 */
export function imageGrid(batch: ImageBatch, options: ImageGridOptions = {}): Image {
  const [count, height, width, channels] = checkBatch(batch);
  const { columns = Math.ceil(Math.sqrt(count)), scale = 1, gap = 2, range = 'each' } = options;
  checkInteger('columns', columns, 1);
  checkInteger('scale', scale, 1);
  checkInteger('gap', gap, 0);
  const across = Math.min(columns, count);
  const down = Math.ceil(count / columns);
  const gridWidth = across * (width * scale + gap) + gap;
  const gridHeight = down * (height * scale + gap) + gap;
  if (gridWidth * gridHeight > MAX_PIXELS) {
    throw new ValueError(OP, `${gridWidth}x${gridHeight} pixels; use at most ${MAX_PIXELS}`);
  }
  const data = new Uint8Array(gridWidth * gridHeight * channels).fill(GAP_SHADE);
  const values = batch.data;
  const imageSize = height * width * channels;
  const whole = range === 'all' ? extremes(values) : range;
  for (let image = 0; image < count; image++) {
    const from = image * imageSize;
    const [low, high] = whole === 'each' ? extremes(values.subarray(from, from + imageSize)) : whole;
    const left = gap + (image % columns) * (width * scale + gap);
    const top = gap + Math.floor(image / columns) * (height * scale + gap);
    for (let row = 0; row < height * scale; row++) {
      let to = ((top + row) * gridWidth + left) * channels;
      for (let column = 0; column < width * scale; column++) {
        const pixel = (Math.floor(row / scale) * width + Math.floor(column / scale)) * channels;
        for (let c = 0; c < channels; c++) data[to++] = shade(values[from + pixel + c] as number, low, high);
      }
    }
  }
  return { width: gridWidth, height: gridHeight, channels, data };
}
