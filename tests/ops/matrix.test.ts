// The matrix itself: what it must not let through.
import * as ops from '../../ts/ops.gen';
import type { Tensor } from '../../ts/tensor';
import { promoted, rounded } from './matrix-dtype';
import type { Drawn } from './matrix-draw';
import { disagreement } from './matrix-gradient';
import { layouts } from './matrix-layout';
import { bitDifference, difference, gather, place } from './matrix-run';
import type { Result } from './matrix-run';

const x: Drawn = { data: Float64Array.of(0.3, -1.2, 2.5, 0.7), shape: [2, 2], dtype: 'f64', free: true };
const check = (f: (y: Tensor) => Tensor): string | undefined => disagreement(f, [{ at: '0', x }])();

describe('differences', () => {
  test('agree with right gradients', () => {
    expect(check(y => ops.sum(ops.exp(ops.mul(y, y))))).toBeUndefined();
  });

  test('find a silent detach', () => {
    expect(check(y => ops.sum(ops.mul(y, y.detach())))).toMatch(
      /^d\/d\(argument 0\) is .*, by differences .*$/,
    );
    expect(check(y => ops.sum(y.detach()))).toMatch(/ is 0, by differences /);
  });

  test('find one wrong element', () => {
    const corner = (y: Tensor): Tensor => ops.slice(y, [1, 1], [2, 2]);
    const wrong = (y: Tensor): Tensor =>
      ops
        .sum(y)
        .sub(ops.sum(corner(y)))
        .add(ops.sum(corner(y).detach()));
    expect(check(wrong)).toMatch(/by differences/);
  });
});

describe('comparing', () => {
  const result = (dtype: Result['dtype'], ...data: number[]): Result => ({
    data: Float64Array.from(data),
    shape: [data.length],
    dtype,
  });

  test('finds values, shapes and NaN', () => {
    expect(difference(result('f32', 1, 2), result('f32', 1, 2.0001))).toBe(
      'element 1 of [2] is 2, not 2.0001',
    );
    expect(difference(result('f32', 1, 2), { data: Float64Array.of(1, 2), shape: [2, 1] })).toBe(
      'shape [2], not [2, 1]',
    );
    expect(difference(result('f32', NaN), result('f32', 0))).toBe('element 0 of [1] is NaN, not 0');
    expect(difference(result('f32', 0), result('f32', NaN))).toBe('element 0 of [1] is 0, not NaN');
    expect(difference(result('f32', NaN, Infinity), result('f32', NaN, Infinity))).toBeUndefined();
    expect(difference(result('i32', 3), result('i32', 4))).toBe('element 0 of [1] is 3, not 4');
    expect(difference(result('u8', 255), result('u8', -1))).toBeUndefined();
  });

  test('of bits tells zeros apart', () => {
    expect(bitDifference(result('f32', 0), result('f32', -0))).toBe('element 0 is 0, not 0');
    expect(bitDifference(result('f32', NaN), result('f32', NaN))).toBeUndefined();
  });

  test('gathers what throws', () => {
    const failures = gather([{ label: 'a' }, { label: 'b' }, { label: 'c' }], ({ label }) => {
      if (label === 'a') throw new Error('early');
      return () => {
        if (label === 'b') throw new Error('late');
        return undefined;
      };
    });
    expect(failures).toEqual(['a: threw early', 'b: threw late']);
  });
});

test('rounding is to the nearest, ties to even', () => {
  expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 65519, 65520].map(v => rounded(v, 'f16'))).toEqual([
    1,
    1 + 2 ** -9,
    0,
    65504,
    Infinity,
  ]);
  expect([1 + 2 ** -8, 1 + 3 * 2 ** -8, -3.4e38].map(v => rounded(v, 'bf16'))).toEqual([
    1,
    1 + 2 ** -6,
    -Infinity,
  ]);
});

test('the promotion table is symmetric', () => {
  expect([
    promoted('f16', 'bf16'),
    promoted('bf16', 'f16'),
    promoted('i64', 'f16'),
    promoted('u8', 'bool'),
  ]).toEqual(['f32', 'f32', 'f16', 'u8']);
});

test.each(layouts)('the layout $name holds the numbers it is given', layout => {
  const held = layout.of(x);
  expect(held).toBeDefined();
  if (held === undefined) return;
  const y = layout.put(held);
  expect([y.shape, [...y.readSync()]]).toEqual([held.shape, [...held.data]]);
  expect([...place(held).readSync()]).toEqual([...held.data]);
});
