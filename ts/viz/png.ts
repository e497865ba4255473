// The PNG encoder: 8-bit grey and RGB images, compressed off this thread.
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { ShapeError, ValueError } from '../errors';

/** Pixels row by row, `channels` bytes each: 1 is grey, 3 is RGB. */
export interface Image {
  width: number;
  height: number;
  channels: 1 | 3;
  data: Uint8Array;
}

const deflateAsync = promisify(deflate);
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOUR_TYPES = { 1: 0, 3: 2 } as const;
const MAX_SIDE = 65535;

// CRC-32 of ISO 3309 (polynomial 0xedb88320, reflected), byte by byte.
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 255] as number);
  return (crc ^ 0xffffffff) >>> 0;
}

// length, name, body, CRC of name and body.
function chunk(name: string, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, body.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = name.charCodeAt(i);
  bytes.set(body, 8);
  view.setUint32(8 + body.length, crc32(bytes.subarray(4, 8 + body.length)));
  return bytes;
}

/**
 * The bytes of a PNG file of `image`.
 *
 * @example
 * await viz.encodePng({ width: 2, height: 1, channels: 1, data: new Uint8Array([0, 255]) });
 */
export async function encodePng(image: Image): Promise<Uint8Array> {
  const { width, height, channels, data } = image;
  for (const side of [width, height]) {
    if (!Number.isInteger(side) || side < 1 || side > MAX_SIDE) {
      throw new ValueError('encodePng', `size ${width}x${height}; use integers of 1..${MAX_SIDE}`);
    }
  }
  if (!Object.hasOwn(COLOUR_TYPES, channels)) {
    throw new ShapeError('encodePng', `${channels} channels; use 1 (grey) or 3 (RGB)`);
  }
  const rowBytes = width * channels;
  if (data.length !== rowBytes * height) {
    const expected = rowBytes * height;
    throw new ShapeError(
      'encodePng',
      `${data.length} bytes for ${width}x${height}x${channels}; expected ${expected}`,
    );
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  header[9] = COLOUR_TYPES[channels];
  // Each row is led by its filter, 0: the pixels as they are.
  const rows = new Uint8Array((rowBytes + 1) * height);
  for (let row = 0; row < height; row++) {
    rows.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), row * (rowBytes + 1) + 1);
  }
  const packed = await deflateAsync(rows, { level: 9 });
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    chunk('IDAT', packed),
    chunk('IEND', new Uint8Array(0)),
  ];
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
