// The PNG encoder against an independent reading of its bytes.
import { inflateSync } from 'node:zlib';
import { ShapeError, ValueError } from '../../ts/errors';
import { encodePng } from '../../ts/viz';

interface Chunk {
  name: string;
  body: Buffer;
}

// CRC-32 bit by bit, without a table.
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

function chunksOf(file: Uint8Array): Chunk[] {
  const bytes = Buffer.from(file);
  expect(bytes.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  const chunks: Chunk[] = [];
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    const named = bytes.subarray(at + 4, at + 8 + length);
    expect(bytes.readUInt32BE(at + 8 + length)).toBe(crc(named));
    chunks.push({ name: named.toString('latin1', 0, 4), body: named.subarray(4) });
    at += 12 + length;
  }
  return chunks;
}

test.each([
  [1, 1, 1, '00000001000000010800000000'],
  [3, 2, 1, '00000003000000020800000000'],
  [300, 7, 3, '0000012c000000070802000000'],
] as const)('%d x %d x %d', async (width, height, channels, header) => {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37) & 255);
  const chunks = chunksOf(await encodePng({ width, height, channels, data }));
  expect(chunks.map(({ name }) => name)).toEqual(['IHDR', 'IDAT', 'IEND']);
  expect(chunks[0]?.body.toString('hex')).toBe(header);
  expect(chunks[2]?.body).toHaveLength(0);
  const rows = inflateSync(chunks[1]?.body ?? Buffer.alloc(0));
  const rowBytes = width * channels;
  expect(rows).toHaveLength((rowBytes + 1) * height);
  for (let row = 0; row < height; row++) {
    const line = rows.subarray(row * (rowBytes + 1), (row + 1) * (rowBytes + 1));
    expect(line[0]).toBe(0);
    expect(Uint8Array.from(line.subarray(1))).toEqual(data.subarray(row * rowBytes, (row + 1) * rowBytes));
  }
});

test('one image gives one file', async () => {
  const image = { width: 2, height: 2, channels: 1, data: Uint8Array.of(1, 2, 3, 4) } as const;
  expect(await encodePng(image)).toEqual(await encodePng(image));
  // The end of every PNG: an empty IEND and its CRC.
  expect(Buffer.from((await encodePng(image)).subarray(-12)).toString('hex')).toBe(
    '0000000049454e44ae426082',
  );
});

test('refuses sizes, channels and data that do not fit', async () => {
  const data = new Uint8Array(4);
  await expect(encodePng({ width: 0, height: 4, channels: 1, data })).rejects.toThrow(ValueError);
  await expect(encodePng({ width: NaN, height: 4, channels: 1, data })).rejects.toThrow(
    'encodePng: size NaNx4; use integers of 1..65535',
  );
  await expect(encodePng({ width: 3, height: 1, channels: 1, data })).rejects.toThrow(ShapeError);
  await expect(encodePng({ width: 3, height: 1, channels: 1, data })).rejects.toThrow(
    'encodePng: 4 bytes for 3x1x1; expected 3',
  );
  // @ts-expect-error a number of channels PNG knows but this encoder does not
  await expect(encodePng({ width: 1, height: 1, channels: 4, data })).rejects.toThrow(
    'encodePng: 4 channels; use 1 (grey) or 3 (RGB)',
  );
});
