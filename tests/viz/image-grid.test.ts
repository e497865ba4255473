// Image grids, pixel by pixel.
import { ShapeError, ValueError } from '../../ts/errors';
import { imageGrid } from '../../ts/viz';

test('lays images out row by row, each with its own range', () => {
  const data = Float32Array.of(0, 1, 2, 3, /**/ -1, -1, 1, 0, /**/ 5, 5, 5, 5);
  const grid = imageGrid({ data, shape: [3, 2, 2, 1] }, { columns: 2, gap: 1 });
  expect([grid.width, grid.height, grid.channels]).toEqual([7, 7, 1]);
  const g = 128;
  // prettier-ignore
  expect([...grid.data]).toEqual([
    g, g, g, g, g, g, g,
    g, 0, 85, g, 0, 0, g,
    g, 170, 255, g, 255, 128, g,
    g, g, g, g, g, g, g,
    g, g, g, g, g, g, g,
    g, g, g, g, g, g, g,
    g, g, g, g, g, g, g,
  ]);
});

test('enlarges by whole pixels', () => {
  const grid = imageGrid({ data: Float32Array.of(0, 1), shape: [1, 1, 2, 1] }, { scale: 3, gap: 0 });
  expect([grid.width, grid.height]).toEqual([6, 3]);
  const row = [0, 0, 0, 255, 255, 255];
  expect([...grid.data]).toEqual([...row, ...row, ...row]);
});

test('takes a common range, or a given one that clips', () => {
  const batch = { data: Float32Array.of(0, 1, 2, 4), shape: [2, 1, 2, 1] };
  expect([...imageGrid(batch, { columns: 2, gap: 0, range: 'all' }).data]).toEqual([0, 64, 128, 255]);
  expect([...imageGrid(batch, { columns: 2, gap: 0, range: [1, 2] }).data]).toEqual([0, 0, 255, 255]);
});

test('keeps colours', () => {
  const data = Uint8Array.of(255, 0, 51, 0, 255, 102);
  const grid = imageGrid({ data, shape: [1, 1, 2, 3] }, { gap: 0, range: [0, 255] });
  expect(grid).toEqual({ width: 2, height: 1, channels: 3, data });
});

test('is about square by default', () => {
  const grid = imageGrid({ data: new Float32Array(10), shape: [10, 1, 1, 1] }, { gap: 0 });
  expect([grid.width, grid.height]).toEqual([4, 3]);
});

test('refuses what is no batch of images', () => {
  const data = new Float32Array(8);
  expect(() => imageGrid({ data, shape: [2, 2, 2] })).toThrow(ShapeError);
  expect(() => imageGrid({ data, shape: [2, 2, 2] })).toThrow(
    'imageGrid: shape [2, 2, 2]; use [count, height, width, channels], each 1 or more',
  );
  expect(() => imageGrid({ data, shape: [2, 2, 1, 2] })).toThrow(
    'imageGrid: shape [2, 2, 1, 2] has 2 channels; use 1 (grey) or 3 (RGB)',
  );
  expect(() => imageGrid({ data, shape: [3, 2, 2, 1] })).toThrow(
    'imageGrid: 8 values for shape [3, 2, 2, 1]; use as many as the shape holds',
  );
  expect(() => imageGrid({ data: Float32Array.of(0, NaN), shape: [1, 1, 2, 1] })).toThrow(ValueError);
  expect(() => imageGrid({ data: Float32Array.of(0, NaN), shape: [1, 1, 2, 1] })).toThrow(
    'imageGrid: value 1 is NaN; use finite values',
  );
  const batch = { data, shape: [2, 2, 2, 1] };
  expect(() => imageGrid(batch, { scale: 1.5 })).toThrow(
    'imageGrid: scale is 1.5; use an integer of 1..4096',
  );
  expect(() => imageGrid(batch, { gap: -1 })).toThrow('imageGrid: gap is -1; use an integer of 0..4096');
  expect(() => imageGrid(batch, { columns: 0 })).toThrow('imageGrid: columns is 0');
  expect(() => imageGrid(batch, { scale: 4096, gap: 4096 })).toThrow(
    /^imageGrid: \d+x\d+ pixels; use at most/,
  );
});
