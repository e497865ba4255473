// The IDX reader: every type, plain and gzipped, and every way a file can be wrong.
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parseIdx, readIdx } from '../../ts/data/idx';
import { Pcg32 } from '../../ts/data/order';
import { DataError } from '../../ts/errors';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hebb-idx-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

function header(code: number, shape: readonly number[]): number[] {
  const extents = shape.flatMap(extent => [
    extent >>> 24,
    (extent >>> 16) & 255,
    (extent >>> 8) & 255,
    extent & 255,
  ]);
  return [0, 0, code, shape.length, ...extents];
}

// Written by DataView, big-endian, one value at a time.
const kinds = [
  { dtype: 'u8', code: 8, width: 1, values: [0, 1, 127, 128, 255, 7], set: 'setUint8' },
  { dtype: 'i8', code: 9, width: 1, values: [0, 1, 127, -128, -1, 7], set: 'setInt8' },
  { dtype: 'i16', code: 11, width: 2, values: [0, 1, 258, -32768, 32767, -2], set: 'setInt16' },
  {
    dtype: 'i32',
    code: 12,
    width: 4,
    values: [0, 1, 16909060, -(2 ** 31), 2 ** 31 - 1, -2],
    set: 'setInt32',
  },
  { dtype: 'f32', code: 13, width: 4, values: [0, 1.5, -2.25, 2 ** 100, -Infinity, 0.5], set: 'setFloat32' },
  {
    dtype: 'f64',
    code: 14,
    width: 8,
    values: [0, Math.PI, -1e300, 5e-324, Infinity, 0.1],
    set: 'setFloat64',
  },
] as const;

function encode(
  kind: (typeof kinds)[number],
  shape: readonly number[],
  values: readonly number[],
): Uint8Array {
  const body = new DataView(new ArrayBuffer(values.length * kind.width));
  values.forEach((value, i) => body[kind.set](i * kind.width, value));
  return Uint8Array.from([...header(kind.code, shape), ...new Uint8Array(body.buffer)]);
}

describe.each(kinds)('type $dtype', kind => {
  const shape = [2, 3];
  const bytes = encode(kind, shape, kind.values);

  test('is parsed, also at an odd offset', () => {
    for (const offset of [0, 1]) {
      const inside = new Uint8Array(bytes.length + 9);
      inside.set(bytes, offset);
      const {
        dtype,
        shape: found,
        data,
      } = parseIdx(inside.subarray(offset, offset + bytes.length), 'inside');
      expect({ dtype, shape: found, data: Array.from(data) }).toEqual({
        dtype: kind.dtype,
        shape,
        data: [...kind.values],
      });
    }
  });

  test('is read, plain and gzipped whatever the name', async () => {
    for (const path of [await file('plain.gz', bytes), await file('packed', gzipSync(bytes))]) {
      const { dtype, shape: found, data } = await readIdx(path);
      expect({ dtype, shape: found, data: Array.from(data) }).toEqual({
        dtype: kind.dtype,
        shape,
        data: [...kind.values],
      });
    }
  });
});

test('ranks 1 to 4 and extents of 0', () => {
  for (const shape of [[3], [3, 1], [1, 3, 1], [1, 1, 3, 1], [0], [4, 0, 2]]) {
    const count = shape.reduce((product, extent) => product * extent, 1);
    const { shape: found, data } = parseIdx(
      Uint8Array.from([...header(8, shape), ...new Uint8Array(count).fill(5)]),
      'a',
    );
    expect(found).toEqual(shape);
    expect(data).toHaveLength(count);
  }
});

test('a file of several pieces comes through whole and swapped', async () => {
  const random = new Pcg32(3);
  const values = Array.from({ length: 300_001 }, () => (random.next() | 0) >> 3);
  const view = new DataView(new ArrayBuffer(values.length * 4));
  values.forEach((value, i) => view.setInt32(4 * i, value));
  const bytes = Buffer.concat([Uint8Array.from(header(12, [values.length])), new Uint8Array(view.buffer)]);
  for (const path of [await file('large', bytes), await file('large.gz', gzipSync(bytes, { level: 1 }))]) {
    const { data } = await readIdx(path);
    // One answer for all: the difference of so many values would take minutes to print.
    expect([data.length, values.findIndex((value, i) => data[i] !== value)]).toEqual([values.length, -1]);
  }
});

describe('refuses', () => {
  const good = Uint8Array.from([...header(8, [2, 3]), 1, 2, 3, 4, 5, 6]);

  // Both readers, plain and gzipped, say the same of the same bytes.
  async function refusal(bytes: Uint8Array): Promise<string> {
    const plain = await file('bad', bytes);
    const packed = await file('bad.gz', gzipSync(bytes));
    const messages: string[] = [];
    for (const [name, attempt] of [
      ['bytes', () => Promise.resolve().then(() => parseIdx(bytes, 'bytes'))],
      [plain, () => readIdx(plain)],
      [packed, () => readIdx(packed)],
    ] as const) {
      const error: unknown = await attempt().then(
        () => 'nothing thrown',
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(DataError);
      if (!(error instanceof DataError)) continue;
      expect(error.path).toBe(name);
      expect(error.message.startsWith(`${error.op}: ${JSON.stringify(name)} `)).toBe(true);
      messages.push(error.message.slice(`${error.op}: ${JSON.stringify(name)} `.length));
    }
    expect(messages[1]).toBe(messages[0]);
    return messages.join('\n');
  }

  test('foreign files, by their first bytes', async () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
    expect(await refusal(png)).toMatch(
      /^is not an IDX file: starts with 89 50 4e 47; expected 00 00, a type of 08..0e and the rank\n.*\n.*89 50 4e 47/,
    );
    expect(await refusal(Uint8Array.of(0, 0, 10, 1, 0, 0, 0, 0))).toMatch(
      /^is not an IDX file: starts with 00 00 0a 01/,
    );
    expect(await refusal(Uint8Array.of(0, 1, 8, 1, 0, 0, 0, 0))).toMatch(/^is not an IDX file/);
    expect(await refusal(Uint8Array.of(0, 0, 8))).toMatch(/^is not an IDX file: starts with 00 00 08;/);
    expect(await refusal(new Uint8Array(0))).toMatch(/^is not an IDX file: is empty/);
  });

  test('ranks outside 1..4', async () => {
    expect(await refusal(Uint8Array.from([0, 0, 8, 0, 1]))).toMatch(/^has rank 0; supported are 1\.\.4/);
    expect(await refusal(Uint8Array.from(header(8, [1, 1, 1, 1, 1])))).toMatch(
      /^has rank 5; supported are 1\.\.4/,
    );
  });

  test('truncated files, at every length', async () => {
    for (let length = 4; length < good.length; length++) {
      const message = await refusal(good.subarray(0, length));
      if (length < 12)
        expect(message).toMatch(new RegExp(`^is truncated: ${length} bytes of a header of 12\n`));
      else
        expect(message).toMatch(
          new RegExp(`^is truncated: shape \\[2, 3\\] needs 18 bytes, it has ${length}\n`),
        );
    }
  });

  test('trailing bytes', async () => {
    const message = await refusal(Uint8Array.from([...good, 0]));
    expect(message).toMatch(/^has trailing bytes: shape \[2, 3\] needs 18 bytes, it has 19\n/);
  });

  test('shapes too large for their file, before any memory is taken', async () => {
    const before = process.memoryUsage().arrayBuffers;
    expect(await refusal(Uint8Array.from(header(8, [900_000_000])))).toMatch(
      /^is truncated: shape \[900000000\] needs 900000008 bytes, it has 8\n/,
    );
    expect(
      await refusal(Uint8Array.from(header(14, [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]))),
    ).toMatch(
      /^claims shape \[4294967295, 4294967295, 4294967295, 4294967295\]: over 1073741824 bytes; split the file\n/,
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 26);
  });

  test('gzip data that expands beyond its header', async () => {
    const bomb = await file('bomb', gzipSync(Buffer.concat([good, new Uint8Array(2 ** 25)])));
    await expect(readIdx(bomb)).rejects.toThrow(
      /has trailing bytes: shape \[2, 3\] needs 18 bytes, it has \d+ or more/,
    );
  });

  test('gzip data cut short, damaged, or with something behind it', async () => {
    const packed = gzipSync(
      Uint8Array.from([...header(8, [5000]), ...new Uint8Array(5000).map((_, i) => (i * i) % 251)]),
    );
    await expect(readIdx(await file('cut', packed.subarray(0, packed.length - 20)))).rejects.toThrow(
      /"[^"]*cut" is damaged gzip data: unexpected end of file/,
    );
    const broken = Uint8Array.from(packed);
    broken[packed.length - 6] = (broken[packed.length - 6] ?? 0) ^ 1;
    await expect(readIdx(await file('broken', broken))).rejects.toThrow(
      /is damaged gzip data: incorrect data check/,
    );
    for (const [tail, message] of [
      [[0, 0, 0], /has 3 bytes after the end of its gzip data/],
      [[1, 2, 3], /is damaged gzip data: incorrect header check/],
    ] as const) {
      const longer = Buffer.concat([packed, Uint8Array.from(tail)]);
      await expect(readIdx(await file('longer', longer))).rejects.toThrow(message);
    }
    await expect(readIdx(await file('stub', Uint8Array.of(0x1f, 0x8b)))).rejects.toThrow(
      /is damaged gzip data/,
    );
  });

  test('missing files and folders', async () => {
    const missing = join(folder, 'missing');
    const error: unknown = await readIdx(missing).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ op: 'readIdx', path: missing });
    await expect(readIdx(missing)).rejects.toThrow(/^readIdx: ".*missing" cannot be read: ENOENT/);
    await mkdir(join(folder, 'inner'));
    await expect(readIdx(join(folder, 'inner'))).rejects.toThrow(
      'is not a regular file; give the path of an IDX file',
    );
  });

  test('random damage never with anything but a DataError', async () => {
    const random = new Pcg32(17);
    const source = Uint8Array.from([...header(13, [2, 2, 2]), ...new Uint8Array(32).fill(63)]);
    const packed = gzipSync(source);
    for (let round = 0; round < 300; round++) {
      const bytes = Uint8Array.from(round % 2 === 0 ? source : packed);
      for (let hits = 1 + random.below(3); hits > 0; hits--)
        bytes[random.below(bytes.length)] = random.below(256);
      const path = await file('fuzz', bytes.subarray(0, bytes.length - random.below(4)));
      const outcome: unknown = await readIdx(path).catch((reason: unknown) => reason);
      const isFine =
        outcome instanceof DataError ||
        (typeof outcome === 'object' && outcome !== null && 'shape' in outcome);
      expect(isFine).toBe(true);
    }
  });
});
