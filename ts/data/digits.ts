// Generated digits: grey images of 0..9 drawn with random strokes, for examples and tests that need no file.
import { ValueError } from '../errors';
import { ArrayDataset } from './dataset';
import { digitStyles } from './digit-strokes';
import type { Stroke } from './digit-strokes';
import { checkSeed, Pcg32, shuffle } from './order';

/** What to draw; `size` is the side of the images in pixels. */
export interface DigitsOptions {
  seed: number;
  count: number;
  size?: number;
}

// Taken out of the global object once: in a sandbox (a vm context, a test) each look-up there costs a call.
const { floor, max, min, sqrt } = Math;

// Straight pieces per piece of curve; with 28 pixels a finer curve cannot be told from this one.
const PIECES = 4;
const CLASSES = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];

// Everything below uses only + - * / and square roots, which IEEE 754 rounds in one way: the images are equal on
// every machine and engine. Sine and cosine of these small angles are their series, exact to 1e-6.
const sine = (a: number): number => a * (1 - (a * a) / 6 + (a * a * a * a) / 120);
const cosine = (a: number): number => 1 - (a * a) / 2 + (a * a * a * a) / 24;

/** A map of the plane: (x, y) -> (xx x + xy y + x0, yx x + yy y + y0). */
interface Affine {
  xx: number;
  xy: number;
  x0: number;
  yx: number;
  yy: number;
  y0: number;
}

const between = (random: Pcg32, low: number, high: number): number => low + (high - low) * random.uniform();

// Unit box -> pixels: rotation by up to 15 degrees, slant, size, and a shift of up to 2 of 28 pixels.
function randomAffine(random: Pcg32, side: number): Affine {
  const angle = between(random, -0.262, 0.262);
  const slant = between(random, -0.3, 0.3);
  const height = side * between(random, 0.5, 0.72);
  const width = height * between(random, 0.55, 0.95);
  const shiftX = side * (0.5 + between(random, -0.075, 0.075));
  const shiftY = side * (0.5 + between(random, -0.075, 0.075));
  const s = sine(angle);
  const c = cosine(angle);
  const xx = c * width;
  const xy = (c * slant - s) * height;
  const yx = s * width;
  const yy = (s * slant + c) * height;
  return { xx, xy, x0: shiftX - (xx + xy) / 2, yx, yy, y0: shiftY - (yx + yy) / 2 };
}

/** Draws one image after another into a canvas of its own. */
class Pen {
  readonly ink: Float32Array;
  private radius = 1;

  constructor(
    private readonly side: number,
    private readonly random: Pcg32,
  ) {
    this.ink = new Float32Array(side * side);
  }

  /** Draws `strokes` over a clean canvas; ink is 0..1. */
  draw(strokes: readonly Stroke[]): void {
    const { random, side } = this;
    this.ink.fill(0);
    this.radius = (side / 28) * between(random, 0.55, 1.45);
    const affine = randomAffine(random, side);
    const shake = between(random, 0.01, 0.045);
    for (const { kind, points } of strokes) {
      const placed = this.place(points, affine, shake);
      if (kind === 'line') this.polyline(placed);
      else this.polyline(smooth(placed));
    }
  }

  private place(points: readonly number[], affine: Affine, shake: number): Float64Array {
    const placed = new Float64Array(points.length);
    for (let i = 0; i < points.length; i += 2) {
      const x = (points[i] as number) + between(this.random, -shake, shake);
      const y = (points[i + 1] as number) + between(this.random, -shake, shake);
      placed[i] = affine.xx * x + affine.xy * y + affine.x0;
      placed[i + 1] = affine.yx * x + affine.yy * y + affine.y0;
    }
    return placed;
  }

  private polyline(points: Float64Array): void {
    for (let i = 0; i + 3 < points.length; i += 2) {
      const [ax = 0, ay = 0, bx = 0, by = 0] = points.subarray(i, i + 4);
      this.segment(ax, ay, bx, by);
    }
  }

  // Ink falls from 1 to 0 over one pixel around the edge of the stroke; where strokes cross, the darker counts.
  private segment(ax: number, ay: number, bx: number, by: number): void {
    const { ink, side, radius } = this;
    const reach = radius + 0.5;
    const dx = bx - ax;
    const dy = by - ay;
    const length2 = dx * dx + dy * dy;
    // Pixel (column, row) has its centre at (column + 0.5, row + 0.5).
    const left = max(0, floor(min(ax, bx) - reach));
    const right = min(side - 1, floor(max(ax, bx) + reach));
    const top = max(0, floor(min(ay, by) - reach));
    const bottom = min(side - 1, floor(max(ay, by) + reach));
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const px = column + 0.5 - ax;
        const py = row + 0.5 - ay;
        const along = length2 > 0 ? min(1, max(0, (px * dx + py * dy) / length2)) : 0;
        const ex = px - along * dx;
        const ey = py - along * dy;
        const value = min(1, reach - sqrt(ex * ex + ey * ey));
        const at = row * side + column;
        if (value > (ink[at] as number)) ink[at] = value;
      }
    }
  }
}

// Catmull-Rom: through every point, with the tangent (next - previous) / 2; ends repeat their point.
function smooth(points: Float64Array): Float64Array {
  const last = points.length / 2 - 1;
  const path = new Float64Array(2 * (last * PIECES + 1));
  const at = (i: number, axis: number): number => points[2 * min(last, max(0, i)) + axis] as number;
  for (let axis = 0; axis < 2; axis++) {
    for (let i = 0; i < last; i++) {
      const [p, q, r, s] = [at(i - 1, axis), at(i, axis), at(i + 1, axis), at(i + 2, axis)];
      for (let piece = 0; piece < PIECES; piece++) {
        const t = piece / PIECES;
        path[2 * (i * PIECES + piece) + axis] =
          q + (t / 2) * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p)));
      }
    }
    path[2 * last * PIECES + axis] = at(last, axis);
  }
  return path;
}

// Grey values of a canvas: contrast, noise (the sum of two uniform bytes, a triangle around 0) and rounding.
function develop(ink: Float32Array, random: Pcg32, image: Uint8Array): void {
  const white = between(random, 150, 255);
  const noise = between(random, 4, 44) / 255;
  for (let i = 0; i < ink.length; i += 2) {
    const word = random.next();
    const first = (word & 255) - ((word >>> 8) & 255);
    const second = ((word >>> 16) & 255) - (word >>> 24);
    image[i] = shade((ink[i] as number) * white + first * noise);
    if (i + 1 < ink.length) image[i + 1] = shade((ink[i + 1] as number) * white + second * noise);
  }
}

const shade = (value: number): number => min(255, max(0, floor(value + 0.5)));

/**
 * `count` generated images of the ten digits, as many of each as can be, in random order: `x` is f32
 * `[size, size, 1]` in 0..1, `target` an i32 class of 0..9. The same options give the same images everywhere.
 *
 * @example
 * const train = data.digits({ seed: 1, count: 200 });
 * train.size; // 200
 */
export function digits(options: DigitsOptions): ArrayDataset {
  const { seed, count, size = 28 } = options;
  checkSeed('digits', 'seed', seed);
  if (!Number.isInteger(count) || count < 0 || count > 1_000_000) {
    throw new ValueError('digits', `count is ${count}; use an integer of 0..1000000`);
  }
  if (!Number.isInteger(size) || size < 8 || size > 256) {
    throw new ValueError('digits', `size is ${size}; use an integer of 8..256`);
  }
  const target = shuffle(
    Int32Array.from({ length: count }, (_, i) => i % 10),
    new Pcg32(seed, 0),
  );
  const random = new Pcg32(seed, 1);
  const pen = new Pen(size, random);
  const pixels = size * size;
  const images = new Uint8Array(count * pixels);
  target.forEach((digit, i) => {
    const styles = digitStyles[digit] ?? [];
    pen.draw(styles[random.below(styles.length)]?.strokes ?? []);
    develop(pen.ink, random, images.subarray(i * pixels, (i + 1) * pixels));
  });
  return new ArrayDataset(
    { x: { data: images, shape: [size, size, 1], scale: 1 / 255 }, target: { data: target, shape: [] } },
    { classes: CLASSES },
  );
}
