// safetensors files: every dtype there and back, whole files or none, and a clear refusal of everything else.
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cast, DataError, io, memory, nn, seed, state, tensor, ValueError } from 'hebb';
import type { DType, Tensor } from 'hebb';
import { toBytes } from '../../ts/bytes';
import { file, header } from './safetensors-file';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'hebb-io-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

const place = (): string => join(folder, 'x.safetensors');
const dtypes: DType[] = ['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool'];

describe('there and back', () => {
  test.each(dtypes)('%s keeps every bit', async dtype => {
    const values = dtype === 'bool' ? [0, 1, 1, 0, 1, 0] : [0, 1, 2, 100, 5, 200];
    const x = cast(tensor(values), dtype).reshape([2, 3]);
    await io.saveSafetensors(place(), { x });
    const loaded = (await io.loadSafetensors(place())).get('x') as Tensor;
    expect([loaded.dtype, loaded.shape]).toEqual([dtype, [2, 3]]);
    expect(await toBytes(loaded)).toEqual(await toBytes(x));
  });

  test.each([
    ['f16', 2],
    ['bf16', 2],
    ['f32', 4],
    ['f64', 8],
  ] as const)('bit patterns of %s that no arithmetic would keep', async (dtype, size) => {
    // Every byte pattern in order: NaN payloads, denormals, infinities, negative zero.
    const bytes = Uint8Array.from({ length: 8192 * size }, (_, i) => (i * 37 + (i >> 8)) & 255);
    const shape = [8192];
    await writeFile(place(), file({ x: { dtype, shape, bytes } }));
    const loaded = (await io.loadSafetensors(place())).get('x') as Tensor;
    expect(Buffer.compare(Buffer.from(await toBytes(loaded)), Buffer.from(bytes))).toBe(0);
    await io.saveSafetensors(join(folder, 'again'), { x: loaded });
    expect(Buffer.compare(await readFile(join(folder, 'again')), await readFile(place()))).toBe(0);
  });

  test('empty, zero-dimensional, transposed and sliced tensors', async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const tensors = {
      empty: tensor([], { shape: [0, 4] }),
      one: tensor(7),
      turned: x.transpose(),
      column: x.slice([0, 1], [2, 2]),
    };
    await io.saveSafetensors(place(), tensors);
    const loaded = await io.loadSafetensors(place());
    expect([...loaded.keys()]).toEqual(Object.keys(tensors));
    expect(loaded.get('empty')?.shape).toEqual([0, 4]);
    expect(loaded.get('one')?.shape).toEqual([]);
    expect(loaded.get('turned')?.shape).toEqual([3, 2]);
    expect([...((await loaded.get('turned')?.read()) ?? [])]).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...((await loaded.get('column')?.read()) ?? [])]).toEqual([2, 5]);
  });

  test('names of any kind', async () => {
    const names = [
      '',
      'a.b',
      '__proto__',
      'constructor',
      'quote " back \\',
      'line\nbreak',
      '\0',
      'é漢🙂',
      'x'.repeat(5000),
    ];
    const tensors = Object.fromEntries(names.map((name, i) => [name, tensor([i])]));
    await io.saveSafetensors(place(), tensors);
    const loaded = await io.loadSafetensors(place());
    expect([...loaded.keys()].sort()).toEqual([...names].sort());
    expect([...((await loaded.get('__proto__')?.read()) ?? [])]).toEqual([2]);
    await expect(io.saveSafetensors(place(), { __metadata__: tensor([1]) })).rejects.toThrow(
      new ValueError(
        'safetensors',
        "no tensor can be called '__metadata__': the format uses it; give it another name",
      ),
    );
  });

  test('a model takes its weights back, and its memory is all there is', async () => {
    seed(1);
    const [model, other] = [new nn.Linear(5, 3), new nn.Linear(5, 3)];
    await io.saveSafetensors(place(), model.stateDict());
    const before = memory().liveBytes;
    const loaded = await io.loadSafetensors(place());
    other.loadStateDict(Object.fromEntries(loaded));
    for (const value of loaded.values()) value.dispose();
    expect(await other.weight.read()).toEqual(await model.weight.read());
    expect(memory().liveBytes).toBe(before);
  });

  test('what is saved is the value at the call', async () => {
    const [a, b] = [state([1, 2]), state(new Float32Array(100_000).fill(3))];
    const saved = io.saveSafetensors(place(), { a, b });
    a.assign([8, 9]);
    b.assign(new Float32Array(100_000).fill(4));
    await saved;
    const loaded = await io.loadSafetensors(place());
    expect([...((await loaded.get('a')?.read()) ?? [])]).toEqual([1, 2]);
    expect((await loaded.get('b')?.read())?.[99_999]).toBe(3);
  });

  test('files of others: metadata, spaces, any order of entries and fields', async () => {
    const text =
      ' {"__metadata__": {"format": "pt", "note": "\\u00e9"},\n "b": {"shape": [ 1 ], "data_offsets": [4, 8], "dtype": "I32"},' +
      '"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}} ';
    const data = Buffer.alloc(8);
    data.writeFloatLE(1.5, 0);
    data.writeInt32LE(-7, 4);
    await writeFile(place(), Buffer.concat([header(text), data]));
    const loaded = await io.loadSafetensors(place());
    expect([...((await loaded.get('a')?.read()) ?? [])]).toEqual([1.5]);
    expect([...((await loaded.get('b')?.read()) ?? [])]).toEqual([-7]);
  });
});

describe('a save that fails', () => {
  const names = async (): Promise<string[]> => (await readdir(folder)).sort();

  test('leaves the old file and nothing else', async () => {
    await io.saveSafetensors(place(), { x: tensor([1, 2, 3]) });
    const old = await readFile(place());
    const bad = nn.crossEntropy(tensor([[1, 2]]), tensor(Int32Array.of(5)));
    await expect(io.saveSafetensors(place(), { x: tensor([4]), bad })).rejects.toThrow(/^crossEntropy: /);
    expect(await readFile(place())).toEqual(old);
    expect(await names()).toEqual(['x.safetensors']);
  });

  test('tells which path', async () => {
    const path = join(folder, 'no', 'x.safetensors');
    const failure = io.saveSafetensors(path, { x: tensor([1]) });
    await expect(failure).rejects.toThrow(`safetensors: ${path}: no such file or folder; check the path`);
    await expect(failure).rejects.toHaveProperty('path', path);
    await expect(io.saveSafetensors(folder, { x: tensor([1]) })).rejects.toThrow(
      `safetensors: ${folder}: is there and no regular file; give another path`,
    );
  });

  test('replaces no link and no device', async () => {
    await symlink(join(folder, 'target'), place());
    for (const path of [place(), '/dev/null']) {
      await expect(io.saveSafetensors(path, { x: tensor([1]) })).rejects.toThrow(
        `safetensors: ${path}: is there and no regular file; give another path`,
      );
    }
    expect(await names()).toEqual(['x.safetensors']);
  });

  test('two at once: each whole, the last one stays', async () => {
    const saves = Array.from({ length: 8 }, (_, i) =>
      io.saveSafetensors(place(), { x: tensor(new Float32Array(5000).fill(i)) }),
    );
    await Promise.all(saves);
    const x = (await (await io.loadSafetensors(place())).get('x')?.read()) as Float32Array;
    expect(new Set(x).size).toBe(1);
    expect(await names()).toEqual(['x.safetensors']);
  });
});

const four = Buffer.alloc(4);
const withHeader = (text: string, data: Buffer = four): Buffer => Buffer.concat([header(text), data]);
const entry = (fields: string): string => `{"x":{${fields}}}`;
const good = '"dtype":"F32","shape":[1],"data_offsets":[0,4]';
const length = (value: bigint, rest = ''): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return Buffer.concat([bytes, Buffer.from(rest)]);
};

const refused: [string, Buffer, string][] = [
  ['nothing', Buffer.alloc(0), '0 bytes; a safetensors file has 8 and more'],
  ['seven bytes', Buffer.alloc(7), '7 bytes; a safetensors file has 8 and more'],
  ['no header', Buffer.alloc(8), 'expected { at character 0 of the header'],
  ['a header longer than the file', length(50n, '{}'), 'give a header of 50 bytes in a file of 10'],
  ['a header of 2^64 - 1 bytes', length(2n ** 64n - 1n, '{}'), 'give a header of 18446744073709551615 bytes'],
  ['another format', Buffer.from('\x89PNG\r\n\x1a\n lots of picture'), 'it is truncated or no safetensors file'],
  ['bytes that are no UTF-8', Buffer.concat([length(3n), Buffer.from([0x7b, 0xff, 0x7d])]), 'the header is not UTF-8'],
  ['a byte order mark', withHeader(`\ufeff${entry(good)}`), 'expected {'],
  ['a list', withHeader('[]', Buffer.alloc(0)), 'expected {'],
  ['an open object', withHeader('{"x"', Buffer.alloc(0)), 'expected :'],
  ['an open string', withHeader('{"x', Buffer.alloc(0)), 'a string does not end'],
  ['a bad escape', withHeader(`{"\\q":{${good}}}`), 'a string has a bad escape'],
  ['a raw control character', withHeader(`{"\n":{${good}}}`), 'a string has a bad escape'],
  ['text after the end', withHeader(`${entry(good)} x`), 'text after the end'],
  ['a comma too many', withHeader(`{"x":{${good}},}`), 'expected "'],
  ['a name twice', withHeader(`{"x":{${good}},"x":{${good}}}`), 'the name "x" comes twice'],
  ['a field twice', withHeader(entry(`${good},"dtype":"F32"`)), 'the name "dtype" comes twice'],
  ['an unknown field', withHeader(entry(`${good},"stride":[1]`)), 'unknown field "stride"'],
  ['a missing field', withHeader(entry('"dtype":"F32","shape":[1]')), 'a tensor needs dtype, shape and two data_offsets'],
  ['one offset', withHeader(entry('"dtype":"F32","shape":[1],"data_offsets":[0]')), 'two data_offsets'],
  ['three offsets', withHeader(entry('"dtype":"F32","shape":[1],"data_offsets":[0,4,4]')), 'more than 2 integers'],
  ['an unknown dtype', withHeader(entry('"dtype":"F8","shape":[4],"data_offsets":[0,4]')), 'dtype "F8" is none of F32'],
  ['a negative extent', withHeader(entry('"dtype":"F32","shape":[-1],"data_offsets":[0,4]')), 'expected an integer'],
  ['a fraction', withHeader(entry('"dtype":"F32","shape":[1.5],"data_offsets":[0,4]')), 'expected ]'],
  ['a leading zero', withHeader(entry('"dtype":"F32","shape":[01],"data_offsets":[0,4]')), 'expected ]'],
  ['an extent of 2^53', withHeader(entry('"dtype":"F32","shape":[9007199254740992],"data_offsets":[0,4]')), 'integer of 0..2^53 - 1'],
  ['nine axes', withHeader(entry('"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]')), 'more than 8 integers'],
  ['a product beyond 2^53', withHeader(entry('"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]')), 'takes 73786976294838210000 bytes, its offsets give 4'],
  ['offsets that do not fit the shape', withHeader(entry('"dtype":"F32","shape":[2],"data_offsets":[0,4]')), '"x" [2] of f32 takes 8 bytes, its offsets give 4'],
  ['offsets in reverse', withHeader(entry('"dtype":"F32","shape":[1],"data_offsets":[4,0]')), 'its offsets give -4'],
  ['a hole', withHeader(entry('"dtype":"F32","shape":[1],"data_offsets":[4,8]'), Buffer.alloc(8)), '"x" begins at byte 4, expected 0'],
  ['an overlap', withHeader(`{"x":{${good}},"y":{${good}}}`), '"y" begins at byte 0, expected 4'],
  ['too little data', withHeader(entry(good), Buffer.alloc(3)), 'the tensors take 4 bytes, the file holds 3'],
  ['too much data', withHeader(entry(good), Buffer.alloc(5)), 'the tensors take 4 bytes, the file holds 5'],
  ['metadata that is no object of strings', withHeader(`{"__metadata__":{"a":1},"x":{${good}}}`), 'expected "'],
  ['a bool of 2', withHeader(entry('"dtype":"BOOL","shape":[4],"data_offsets":[0,4]'), Buffer.of(0, 1, 2, 0)), '"x" of BOOL holds bytes other than 0 and 1'],
]; // prettier-ignore

test.each(refused)('refuses %s', async (_, bytes, message) => {
  await writeFile(place(), bytes);
  const before = memory().liveBytes;
  const failure = (await io.loadSafetensors(place()).catch((error: unknown) => error)) as DataError;
  expect(failure).toBeInstanceOf(DataError);
  expect(failure.message).toContain(message);
  expect([failure.path, failure.op]).toEqual([place(), 'safetensors']);
  expect(failure.message.startsWith(`safetensors: ${place()}: `)).toBe(true);
  // Less where the collector freed what other tests left.
  expect(memory().liveBytes).toBeLessThanOrEqual(before);
});

test('refuses a missing file and a folder', async () => {
  await expect(io.loadSafetensors(place())).rejects.toThrow(
    `safetensors: ${place()}: no such file or folder; check the path`,
  );
  await expect(io.loadSafetensors(folder)).rejects.toThrow(DataError);
});
