// Generated digits: the same bytes everywhere, balanced, drawn inside the image, and worth learning.
import { createHash } from 'node:crypto';
import type { ArrayDataset } from '../../ts/data/dataset';
import { digits } from '../../ts/data/digits';
import { ValueError } from '../../ts/errors';

function all(dataset: ArrayDataset): { x: Float32Array; target: Int32Array } {
  const { x, target } = dataset.gather(Int32Array.from({ length: dataset.size }, (_, i) => i));
  return { x: Float32Array.from(x ?? []), target: Int32Array.from(target ?? []) };
}

const bytesOf = (x: Float32Array): Uint8Array => Uint8Array.from(x, value => Math.round(value * 255));

test('has the shape of MNIST', () => {
  const dataset = digits({ seed: 1, count: 7 });
  expect(dataset.size).toBe(7);
  expect(dataset.fields).toEqual({
    x: { dtype: 'f32', shape: [28, 28, 1] },
    target: { dtype: 'i32', shape: [] },
  });
  expect(dataset.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  expect(digits({ seed: 1, count: 2, size: 17 }).fields.x?.shape).toEqual([17, 17, 1]);
  expect(digits({ seed: 1, count: 0 }).size).toBe(0);
});

test('is the same, byte for byte, for the same seed on every machine', () => {
  const { x, target } = all(digits({ seed: 1, count: 100 }));
  expect(createHash('sha256').update(bytesOf(x)).update(Uint8Array.from(target)).digest('hex')).toBe(
    'a4e4f10201045edfdbabdd0a3d4a1a7e189cc18683bc77331b16ae791863f385',
  );
  expect(all(digits({ seed: 1, count: 100 })).x).toEqual(x);
  expect(all(digits({ seed: 2, count: 100 })).x).not.toEqual(x);
});

test('has as many of each digit as can be, in random order', () => {
  const { target } = all(digits({ seed: 4, count: 1003 }));
  const counts = new Array<number>(10).fill(0);
  for (const digit of target) counts[digit] = (counts[digit] ?? 0) + 1;
  expect(counts).toEqual([101, 101, 101, 100, 100, 100, 100, 100, 100, 100]);
  expect([...target.subarray(0, 30)]).not.toEqual(Array.from({ length: 30 }, (_, i) => i % 10));
});

test('every image has ink of its own, and the border stays nearly free of it', () => {
  const { x } = all(digits({ seed: 5, count: 500 }));
  const seen = new Set<string>();
  let border = 0;
  for (let image = 0; image < 500; image++) {
    const pixels = x.subarray(image * 784, (image + 1) * 784);
    seen.add(pixels.join());
    const ink = pixels.filter(value => value > 0.4).length;
    expect(ink).toBeGreaterThan(8);
    expect(ink).toBeLessThan(300);
    pixels.forEach((value, i) => {
      const [row, column] = [Math.floor(i / 28), i % 28];
      if (value > 0.4 && (row === 0 || row === 27 || column === 0 || column === 27)) border++;
    });
  }
  expect(seen.size).toBe(500);
  expect(border).toBeLessThan(50);
});

// The class whose mean training image is nearest: better than chance by far, and far from right.
test('is neither noise nor trivial to the nearest class mean', () => {
  const train = all(digits({ seed: 6, count: 2000 }));
  const held = all(digits({ seed: 7, count: 1000 }));
  const means = new Float64Array(10 * 784);
  train.x.forEach((value, i) => {
    const at = (train.target[Math.floor(i / 784)] ?? 0) * 784 + (i % 784);
    means[at] = (means[at] ?? 0) + value / 200;
  });
  let right = 0;
  held.target.forEach((digit, image) => {
    const pixels = held.x.subarray(image * 784, (image + 1) * 784);
    const distances = Array.from({ length: 10 }, (_, k) =>
      pixels.reduce((sum, value, i) => sum + (value - (means[k * 784 + i] ?? 0)) ** 2, 0),
    );
    if (distances.indexOf(Math.min(...distances)) === digit) right++;
  });
  expect(right / 1000).toBeGreaterThan(0.5);
  expect(right / 1000).toBeLessThan(0.9);
});

test('refuses counts, sizes and seeds that are none', () => {
  expect(() => digits({ seed: 1, count: NaN })).toThrow(ValueError);
  expect(() => digits({ seed: 1, count: NaN })).toThrow('digits: count is NaN; use an integer of 0..1000000');
  expect(() => digits({ seed: 1, count: -1 })).toThrow('digits: count is -1');
  expect(() => digits({ seed: 1.5, count: 1 })).toThrow('digits: seed is 1.5');
  expect(() => digits({ seed: 1, count: 1, size: 7 })).toThrow('digits: size is 7; use an integer of 8..256');
});
