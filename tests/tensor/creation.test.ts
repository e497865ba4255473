// Tensors made from JavaScript data: what is inferred, what is converted, what is refused.
import { DTypeError, ShapeError, ValueError } from '../../ts/errors';
import type { Nested } from '../../ts/host';
import type { DType } from '../../ts/native';
import { tensor } from '../../ts/tensor';
import type { TensorData } from '../../ts/tensor';

describe('nested arrays', () => {
  test.each<[Nested, DType, number[]]>([
    [3, 'f32', []],
    [[1, 2, 3], 'f32', [3]],
    [[[1], [2]], 'f32', [2, 1]],
    [[true, false], 'bool', [2]],
    [[1n, -2n], 'i64', [2]],
    [[], 'f32', [0]],
    [[[], []], 'f32', [2, 0]],
  ])('%j', (data, dtype, shape) => {
    const x = tensor(data);
    expect([x.dtype, x.shape, x.rank]).toEqual([dtype, shape, shape.length]);
    expect(x.size).toBe(shape.reduce((a, b) => a * b, 1));
  });

  test('keep their order', async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(await x.read()).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6));
    expect(await x.toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
  });

  test.each<[Nested, RegExp]>([
    [[[1, 2], [3]], /^tensor: nested arrays differ in length at depth 1; expected \[2, 2\]$/],
    [[1, [2]], /^tensor: nested arrays differ in length at depth 1; expected \[2\]$/],
    [[[1], 2], /^tensor: nested arrays differ in length at depth 1; expected \[2, 1\]$/],
    [[[], [1]], /^tensor: nested arrays differ in length at depth 1; expected \[2, 0\]$/],
  ])('ragged %j', (data, message) => {
    expect(() => tensor(data)).toThrow(ShapeError);
    expect(() => tensor(data)).toThrow(message);
  });

  test('mixed kinds need a dtype', async () => {
    expect(() => tensor([1, true])).toThrow(DTypeError);
    expect(() => tensor([1, true])).toThrow(/^tensor: mixed number and boolean elements; give a dtype$/);
    expect(await tensor([2, true], { dtype: 'i32' }).read()).toEqual(Int32Array.of(2, 1));
  });
});

describe('dtypes', () => {
  test.each<[DType, TensorData, ArrayLike<number | bigint>]>([
    ['f32', [1.5, -2], Float32Array.of(1.5, -2)],
    ['f64', [0.1], Float64Array.of(0.1)],
    ['f16', [1 + 2 ** -11, 65504], Float32Array.of(1, 65504)],
    ['bf16', [1 + 2 ** -8, 3], Float32Array.of(1, 3)],
    ['i32', [-(2 ** 31), 2 ** 31 - 1], Int32Array.of(-(2 ** 31), 2 ** 31 - 1)],
    ['i64', [-5, 2 ** 53 - 1], BigInt64Array.of(-5n, 2n ** 53n - 1n)],
    ['i64', [2n ** 62n], BigInt64Array.of(2n ** 62n)],
    ['u8', [0, 255], Uint8Array.of(0, 255)],
    ['bool', [0, 1, -3], Uint8Array.of(0, 1, 1)],
    ['f32', new Float64Array([0.5]), Float32Array.of(0.5)],
    ['i32', new Uint8Array([7]), Int32Array.of(7)],
    ['f16', new Float32Array([1e6]), Float32Array.of(Infinity)],
  ])('%s from %p', async (dtype, data, expected) => {
    const x = tensor(data, { dtype });
    expect(x.dtype).toBe(dtype);
    expect(await x.read()).toEqual(expected);
  });

  test.each<[TensorData, DType]>([
    [new Float32Array(2), 'f32'],
    [new Float64Array(2), 'f64'],
    [new Int32Array(2), 'i32'],
    [new BigInt64Array(2), 'i64'],
    [new Uint8Array(2), 'u8'],
    [new Uint8ClampedArray(2), 'u8'],
    [Buffer.from([1, 2]), 'u8'],
  ])('of %p is %s', (data, dtype) => {
    expect(tensor(data).dtype).toBe(dtype);
  });

  test.each<[number, DType, RegExp]>([
    [2 ** 31, 'i32', /^tensor: element 0 is 2147483648; i32 holds integers -2147483648\.\.2147483647$/],
    [0.5, 'i32', /^tensor: element 0 is 0\.5; i32 holds integers -2147483648\.\.2147483647$/],
    [NaN, 'i64', /^tensor: element 0 is NaN; i64 holds integers -9007199254740991\.\.9007199254740991$/],
    [-1, 'u8', /^tensor: element 0 is -1; u8 holds integers 0\.\.255$/],
    [256, 'u8', /^tensor: element 0 is 256; u8 holds integers 0\.\.255$/],
    [Infinity, 'i32', /^tensor: element 0 is Infinity; i32 holds integers -2147483648\.\.2147483647$/],
  ])('%d is no %s', (value, dtype, message) => {
    expect(() => tensor([value], { dtype })).toThrow(ValueError);
    expect(() => tensor([value], { dtype })).toThrow(message);
  });

  test('floats keep NaN, infinities and the sign of zero', async () => {
    const data = await tensor([NaN, -Infinity, -0]).read();
    expect([...data].map(x => Object.is(x, -0) || Number.isNaN(x) || x === -Infinity)).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe('typed arrays', () => {
  test('are copied at the call', async () => {
    const data = Float32Array.of(1, 2);
    const x = tensor(data);
    data[0] = 9;
    expect(await x.read()).toEqual(Float32Array.of(1, 2));
  });

  test('may be views of a buffer', async () => {
    const buffer = Float32Array.of(1, 2, 3, 4).buffer;
    expect(await tensor(new Float32Array(buffer, 4, 2)).read()).toEqual(Float32Array.of(2, 3));
  });

  test('take a shape', () => {
    expect(tensor(new Float32Array(6), { shape: [2, 3] }).shape).toEqual([2, 3]);
    expect(tensor(new Float32Array(1), { shape: [] }).shape).toEqual([]);
    expect(tensor(new Float32Array(0), { shape: [0, 4] }).shape).toEqual([0, 4]);
  });

  test.each<[number[], typeof ShapeError | typeof ValueError, RegExp]>([
    [[2, 2], ShapeError, /^tensor: 24 bytes of data for shape \[2, 2\] of f32, which takes 16$/],
    [[-1, 6], ShapeError, /^tensor: .*\[-1, 6\].*$/],
    [[NaN], ValueError, /^tensor: shape\[0\] must be an integer, got NaN$/],
    [[1.5, 4], ValueError, /^tensor: shape\[0\] must be an integer, got 1\.5$/],
    [[2 ** 40, 2 ** 40], ShapeError, /^tensor: .*$/],
    [[1, 1, 1, 1, 1, 1, 1, 1, 6], ShapeError, /^tensor: rank 9 is too high; at most 8 axes$/],
  ])('refuse the shape %p', (shape, type, message) => {
    expect(() => tensor(new Float32Array(6), { shape })).toThrow(type);
    expect(() => tensor(new Float32Array(6), { shape })).toThrow(message);
  });

  test('of a kind that no dtype holds are refused', () => {
    const data: unknown = new Int16Array(2);
    expect(() => tensor(data as Int32Array)).toThrow(DTypeError);
    expect(() => tensor(data as Int32Array)).toThrow(
      /^tensor: no dtype holds a Int16Array; use Float32Array, .*$/,
    );
  });
});

test.each([undefined, null, 'text', ['a'], [undefined], [null], { length: 2 }])('%p is no data', data => {
  expect(() => tensor(data as Nested)).toThrow(/^tensor: .*$/);
});

test('an unknown dtype is refused by name', () => {
  const dtype: string = 'float32';
  expect(() => tensor([1], { dtype: dtype as DType })).toThrow(
    /^tensor: dtype must be one of 'f32', .*'bool', got 'float32'$/,
  );
});
