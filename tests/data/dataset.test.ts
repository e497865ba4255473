// Data sets in memory: batches, scaling, views of views, and what they refuse.
import { ArrayDataset } from '../../ts/data/dataset';
import type { FieldArray } from '../../ts/data/dataset';
import { Pcg32 } from '../../ts/data/order';
import { DTypeError, ShapeError, ValueError } from '../../ts/errors';

const five = (): ArrayDataset =>
  new ArrayDataset(
    {
      x: { data: Uint8Array.from({ length: 30 }, (_, i) => i * 8), shape: [2, 3], scale: 1 / 255 },
      target: { data: Int32Array.from([4, 3, 2, 1, 0]), shape: [] },
    },
    { classes: ['a', 'b', 'c', 'd', 'e'] },
  );
const targets = (dataset: ArrayDataset): number[] =>
  Array.from(dataset.gather(Int32Array.from({ length: dataset.size }, (_, i) => i)).target ?? []);

describe('ArrayDataset', () => {
  test('says what a batch looks like', () => {
    const dataset = five();
    expect(dataset.size).toBe(5);
    expect(dataset.classes).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(dataset.fields).toEqual({
      x: { dtype: 'f32', shape: [2, 3] },
      target: { dtype: 'i32', shape: [] },
    });
  });

  test('gathers rows in the order asked for, scaled to f32', () => {
    const { x, target } = five().gather(Int32Array.from([3, 0, 3]));
    const row = (start: number): number[] =>
      Array.from({ length: 6 }, (_, i) => Math.fround(((start * 6 + i) * 8) / 255));
    expect(x).toEqual(Float32Array.from([...row(3), ...row(0), ...row(3)]));
    expect(target).toEqual(Int32Array.from([1, 4, 1]));
  });

  test.each([Uint8Array, Int32Array, Float32Array])('delivers what is stored, unscaled (%p)', Kind => {
    const dataset = new ArrayDataset({ x: { data: Kind.from([1, 2, 3, 4, 5, 6]), shape: [3] } });
    expect(dataset.gather(Int32Array.of(1, 0)).x).toEqual(Kind.from([4, 5, 6, 1, 2, 3]));
  });

  test('gives batches of their own', () => {
    const dataset = new ArrayDataset({ x: { data: Float32Array.of(1, 2), shape: [] } });
    dataset.gather(Int32Array.of(0)).x?.fill(9);
    expect(dataset.gather(Int32Array.of(0)).x).toEqual(Float32Array.of(1));
  });

  test('gathers nothing, also of an empty data set', () => {
    expect(five().gather(new Int32Array(0)).x).toEqual(new Float32Array(0));
    const empty = new ArrayDataset({ x: { data: new Float32Array(0), shape: [4] } });
    expect(empty.size).toBe(0);
    expect(() => empty.gather(Int32Array.of(0))).toThrow(
      'gather: row 0 at 0 is out of range for 0 samples; it has none',
    );
  });

  test('takes, picks and splits, also from views of views', () => {
    const dataset = five();
    expect(targets(dataset.take(2))).toEqual([4, 3]);
    expect(targets(dataset.subset([4, 1, 1]))).toEqual([0, 3, 3]);
    const view = dataset.subset([4, 2, 0]).take(2).subset([1, 0]);
    expect(targets(view)).toEqual([2, 0]);
    expect(view.classes).toEqual(dataset.classes);
    expect(view.fields).toEqual(dataset.fields);
  });

  test('splits without overlap or loss, the same way for the same seed', () => {
    const random = new Pcg32(11);
    for (let round = 0; round < 50; round++) {
      const size = random.below(40);
      const fraction = random.uniform();
      const dataset = new ArrayDataset({
        target: { data: Int32Array.from({ length: size }, (_, i) => i), shape: [] },
      });
      const [first, second] = dataset.split(fraction, { seed: round });
      expect(first.size).toBe(Math.round(fraction * size));
      const all = [...targets(first), ...targets(second)].sort((a, b) => a - b);
      expect(all).toEqual(Array.from({ length: size }, (_, i) => i));
      expect(targets(dataset.split(fraction, { seed: round })[0])).toEqual(targets(first));
    }
    const hundred = new ArrayDataset({ target: { data: new Int32Array(100).map((_, i) => i), shape: [] } });
    expect(targets(hundred.split(0.5, { seed: 1 })[0])).not.toEqual(
      targets(hundred.split(0.5, { seed: 2 })[0]),
    );
  });

  test('refuses rows outside its samples, with the values', () => {
    const dataset = five();
    expect(() => dataset.gather(Int32Array.of(0, 5))).toThrow(ValueError);
    expect(() => dataset.gather(Int32Array.of(0, 5))).toThrow(
      'gather: row 5 at 1 is out of range for 5 samples; use integers of 0..4',
    );
    expect(() => dataset.subset([-1])).toThrow('subset: row -1 at 0 is out of range');
    expect(() => dataset.subset([NaN])).toThrow('subset: row NaN at 0 is out of range');
    expect(() => dataset.take(3).subset([3])).toThrow('subset: row 3 at 0 is out of range for 3 samples');
    expect(() => dataset.take(6)).toThrow('take: count 6 of 5 samples; use an integer of 0..5');
    expect(() => dataset.take(NaN)).toThrow('take: count NaN of 5 samples');
    expect(() => dataset.split(1.5)).toThrow('split: fraction is 1.5; use a number of 0..1');
    expect(() => dataset.split(NaN)).toThrow('split: fraction is NaN');
    expect(() => dataset.split(0.5, { seed: -1 })).toThrow('split: seed is -1');
  });

  test('refuses fields that do not fit', () => {
    const make = (fields: Record<string, FieldArray>) => () => new ArrayDataset(fields);
    const x = { data: new Float32Array(6), shape: [2] };
    expect(make({})).toThrow('ArrayDataset: no fields; give at least one');
    expect(make({ x, target: { data: new Int32Array(4), shape: [] } })).toThrow(ShapeError);
    expect(make({ x, target: { data: new Int32Array(4), shape: [] } })).toThrow(
      'ArrayDataset: fields differ in samples: x 3, target 4; use the same number',
    );
    expect(make({ x: { data: new Float32Array(7), shape: [2] } })).toThrow(
      'ArrayDataset: field x has 7 values, not a multiple of 2 for samples of [2]',
    );
    for (const extent of [NaN, 0, -1, 1.5]) {
      expect(make({ x: { data: new Float32Array(6), shape: [extent] } })).toThrow(
        `ArrayDataset: shape [${extent}] of field x; use integers of 1 and more`,
      );
    }
    expect(make({ x: { ...x, scale: NaN } })).toThrow('ArrayDataset: scale of field x is NaN');
    // @ts-expect-error a type that cannot be delivered
    expect(make({ x: { data: new Float64Array(6), shape: [2] } })).toThrow(DTypeError);
    // @ts-expect-error a type that cannot be delivered
    expect(make({ x: { data: new Float64Array(6), shape: [2] } })).toThrow(
      'ArrayDataset: field x is a Float64Array; use Uint8Array, Int32Array or Float32Array',
    );
  });
});
