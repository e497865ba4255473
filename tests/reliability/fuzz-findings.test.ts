// What wild calls once broke: each of these crashed, hung, wrapped a size in silence or threw something untyped.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as hebb from '../../ts';
import { grad, memory, ones, setMemoryCap, state, tensor, zeros } from '../../ts';
import { kHandle } from '../../ts/handle';
import { native } from '../../ts/native';

const most = 2 ** 53 - 1;
let usual: number;

beforeAll(() => {
  usual = memory().capBytes;
  setMemoryCap(2 ** 28);
});
afterAll(() => setMemoryCap(usual));

test('a product of extents that wraps is refused, not taken for a small one', () => {
  expect(() => zeros([0]).reshape([2 ** 32, 2 ** 32])).toThrow(
    'reshape: shape [4294967296, 4294967296] has more than 2^53 elements',
  );
  expect(() => zeros([2 ** 50, 1]).add(zeros([1, 2 ** 50]))).toThrow(
    /^add: shape .* more than 2\^53 elements$/,
  );
  const one = zeros([1], { dtype: 'i32' });
  expect(() => hebb.indexAdd(zeros([2 ** 20, 1]), one, most, { axis: 1 })).toThrow(/^indexAdd: shape/);
  expect(() => zeros([0, most]).tile([1, most])).toThrow(/^tile: .* times axis 1 of shape/);
  expect(() => zeros([2 ** 30]).repeat(2 ** 40)).toThrow(/^repeat: .* times axis 0 of shape/);
  expect(() => hebb.concat(Array.from({ length: 1100 }, () => zeros([most])))).toThrow(/^concat: shape/);
  expect(() => zeros([most]).split(Array.from({ length: 1200 }, () => most))).toThrow(/^split: sizes/);
});

test('as many parts as a tensor without memory has elements are refused', () => {
  expect(() => zeros([2 ** 40]).chunk(2 ** 40)).toThrow(
    'chunk: 1099511627776 parts are too many; use at most 1048576',
  );
});

test('a slice step beyond the extent takes the first element', () => {
  expect([
    ...tensor([1, 2, 3])
      .slice([0], [3], { steps: [most] })
      .readSync(),
  ]).toEqual([1]);
});

const image = ones([1, 1, 1, 1]);
const kernel = ones([1, 2, 2, 1]);

test('windows whose geometry overflows are refused', () => {
  expect(() => hebb.conv2d(image, kernel, undefined, { dilation: most, padding: most })).toThrow(
    'conv2d: dilation [9007199254740991] is too large; use at most 2^30',
  );
  expect(() => hebb.conv2d(image, kernel, undefined, { padding: 2 ** 40 })).toThrow(
    /^conv2d: padding .* too large/,
  );
  expect(() => hebb.conv2d(image, kernel, undefined, { dilation: 2 ** 30, padding: 2 ** 30 })).toThrow(
    /^conv2d: images \[1, 1, 1, 1\] have more than 2\^40 elements with their padding/,
  );
  const [none, empty] = [zeros([1, 1, 1, 0]), zeros([0, 1, 1, 2 ** 52])];
  expect(() => hebb.conv2d(none, empty, undefined, { groups: 2 ** 50 })).toThrow(/^conv2d: x has 0 channels/);
  expect(() => image.maxPool2d({ size: 2 ** 30, padding: 2 ** 29 })).toThrow(
    /^maxPool2d: a window .* use at most 2\^24/,
  );
  expect(() => image.avgPool2d({ stride: most })).toThrow(/^avgPool2d: stride .* too large/);
});

test('a kernel without memory for its work fails like any other, and the process goes on', async () => {
  const y = hebb.conv2d(image, kernel, undefined, { dilation: 2 ** 18, padding: 2 ** 18, stride: 2 ** 18 });
  await expect(y.read()).rejects.toThrow(hebb.OutOfMemoryError);
  await expect(y.sum().read()).rejects.toThrow(/^conv2d: no memory for the kernel's own work/);
  await expect(ones([2]).add(1).read()).resolves.toEqual(Float32Array.of(2, 2));
});

test('no memory is an error of the op that asked', () => {
  expect(() => zeros([2 ** 40]).exp()).toThrow(/^exp: 4 TiB asked, /);
  expect(() => hebb.arange(0, 2 ** 52)).toThrow(hebb.OutOfMemoryError);
});

test('the cap is set and told, and refuses what is no size', () => {
  expect(memory().capBytes).toBe(2 ** 28);
  expect(() => setMemoryCap(-1)).toThrow(/^memory: cap must be an integer in 0\.\.9007199254740991, got -1$/);
  expect(() => setMemoryCap(NaN)).toThrow(hebb.ValueError);
});

test('reading more elements than an array can hold is a typed error', async () => {
  await expect(zeros([2 ** 40]).read()).rejects.toThrow(hebb.OutOfMemoryError);
  expect(() => zeros([2 ** 40]).readSync()).toThrow(
    /^read: JavaScript has no array of 1099511627776 f32 elements/,
  );
});

test('numbers beyond the range of a double print in messages', () => {
  expect(() => hebb.arange(1.7e308, 1, { step: 1e30, dtype: 'i32' })).toThrow(
    /^arange: from 1\.7e\+308 to 1/,
  );
  expect(() => hebb.clamp(ones([1]), { min: 1, max: 1e-320 })).toThrow(
    /^clamp: min 1 is not below max 1e-320/,
  );
});

test('arrays that hold themselves, or few rows many times, end in an error', () => {
  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  expect(() => tensor(cyclic as never)).toThrow(
    'tensor: arrays are nested more than 8 deep; use at most 8 axes',
  );
  const row = new Array<number>(1e5).fill(0);
  expect(() => tensor(new Array<number[]>(1e5).fill(row))).toThrow(
    /^tensor: nested arrays .* use a typed array$/,
  );
  expect(() => tensor(new Array<number>(2 ** 32 - 1))).toThrow(hebb.ShapeError);
});

test('a bigint that its dtype cannot hold is refused, not cut', () => {
  expect(() => tensor([2n ** 63n])).toThrow(/^tensor: element 0 is 9223372036854775808; i64 holds/);
  expect(() => tensor([2n ** 40n], { dtype: 'i32' })).toThrow(
    /^tensor: element 0 is 1099511627776; i32 holds/,
  );
  expect([...tensor([-(2n ** 63n)]).readSync()]).toEqual([-(2n ** 63n)]);
});

test('typed arrays over shared memory are data like others', () => {
  const shared = new Float32Array(new SharedArrayBuffer(8));
  shared[1] = 3;
  expect([...tensor(shared).readSync()]).toEqual([0, 3]);
});

test('options and callbacks of other kinds are refused with the name of the function', () => {
  const junk = null as never;
  expect(() => tensor([1], junk)).toThrow(/^tensor: options must be an object/);
  expect(() => ones([1]).sum(junk)).toThrow(/^sum: options must be an object/);
  expect(() => ones([1]).backward(junk)).toThrow(/^backward: options must be an object/);
  expect(() => grad(junk)).toThrow(/^grad: f must be a function, got null/);
  expect(() => grad((x: hebb.Tensor) => x.sum(), { wrt: ['0'] as never })(ones([1]))).toThrow(
    /^grad: wrt 0 is out of range/,
  );
  expect(() => hebb.scope(junk)).toThrow(/^scope: body must be a function/);
  expect(() => hebb.noGrad(junk)).toThrow(/^noGrad: body must be a function/);
  expect(() => state(junk)).toThrow(hebb.ValueError);
  expect(() => state(1).assign(junk)).toThrow(hebb.ValueError);
  expect(() => grad((x: hebb.Tensor) => x.size as never)(ones([1]))).toThrow(hebb.HebbError);
});

test('a printed value of several lines gives a message of one', () => {
  expect(() => new hebb.nn.Linear({ a: 'x'.repeat(60), b: 'y'.repeat(60) } as never, 1)).toThrow(/^[^\n]*$/);
});

test('what is no handle of this environment is refused unread', () => {
  const fake = { [kHandle]: {}, dtype: 'f32' } as never;
  expect(() => hebb.neg(fake)).toThrow('neg: x must be a tensor, got an object');
  const second: { exports: Partial<typeof native> } = { exports: {} };
  const root = join(__dirname, '..', '..');
  const { path } = createRequire(__filename)('node-gyp-build') as { path(folder: string): string };
  process.dlopen(second as never, path(root));
  const foreign = second.exports.create?.('f32', [1], Float32Array.of(1));
  expect(() => native.ops['neg']?.(foreign)).toThrow(
    'neg: x must be a tensor, got something of another environment',
  );
});

test('a getter that disposes the next argument leaves a typed error', () => {
  const [a, b] = [ones([2]), ones([2])];
  const list = [a, b];
  Object.defineProperty(list, 0, {
    get: () => {
      b.dispose();
      return a;
    },
  });
  expect(() => native.ops['concat']?.(Object.defineProperty([], 'length', { value: 0 }), 0)).toThrow(
    /^concat: got no/,
  );
  expect(() => hebb.concat(list)).toThrow(/^concat: tensors\[1\] is disposed/);
});

test('a scope that keeps very many tensors ends', () => {
  const kept = hebb.scope(() => Array.from({ length: 30_000 }, () => zeros([1])));
  expect(kept.every(x => !x.isDisposed)).toBe(true);
  hebb.scope(() => kept.forEach(x => x.dispose()));
});
