// The IDX reader: the format of the MNIST family, plain or gzipped, read without blocking the thread.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { endianness } from 'node:os';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors';

interface IdxTypes {
  u8: Uint8Array;
  i8: Int8Array;
  i16: Int16Array;
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
}

/** The contents of an IDX file, in the byte order of this machine; `data` is row-major. */
export type IdxArray = {
  [D in keyof IdxTypes]: { dtype: D; shape: number[]; data: IdxTypes[D] };
}[keyof IdxTypes];

interface Header {
  type: IdxType;
  shape: number[];
  headerBytes: number;
  dataBytes: number;
}

interface IdxType {
  bytes: 1 | 2 | 4 | 8;
  make(buffer: ArrayBuffer, shape: number[]): IdxArray;
}

const types: Readonly<Record<number, IdxType>> = {
  0x08: { bytes: 1, make: (buffer, shape) => ({ dtype: 'u8', shape, data: new Uint8Array(buffer) }) },
  0x09: { bytes: 1, make: (buffer, shape) => ({ dtype: 'i8', shape, data: new Int8Array(buffer) }) },
  0x0b: { bytes: 2, make: (buffer, shape) => ({ dtype: 'i16', shape, data: new Int16Array(buffer) }) },
  0x0c: { bytes: 4, make: (buffer, shape) => ({ dtype: 'i32', shape, data: new Int32Array(buffer) }) },
  0x0d: { bytes: 4, make: (buffer, shape) => ({ dtype: 'f32', shape, data: new Float32Array(buffer) }) },
  0x0e: { bytes: 8, make: (buffer, shape) => ({ dtype: 'f64', shape, data: new Float64Array(buffer) }) },
};

const MAX_RANK = 4;
const MAX_HEADER_BYTES = 4 + 4 * MAX_RANK;
/** No file may hold more than this, however small it is compressed: 1 GiB. */
const MAX_DATA_BYTES = 2 ** 30;
// A deflate code of two bits can stand for 258 bytes at most: nothing expands further than this.
const MAX_EXPANSION = 1032;
// Work of one turn on this thread: copying or swapping this many bytes takes well under a millisecond.
const PIECE_BYTES = 2 ** 18;

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
const quoted = (path: string): string => JSON.stringify(path);

const startOf = (bytes: Uint8Array): string =>
  bytes.length === 0
    ? 'is empty'
    : `starts with ${Array.from(bytes.subarray(0, 4), byte => byte.toString(16).padStart(2, '0')).join(' ')}`;

/** Reads one file; the ways it can be wrong are told with the name of the operation and of the file. */
class Reader {
  constructor(
    readonly op: string,
    readonly path: string,
  ) {}

  error(detail: string, cause?: unknown): DataError {
    const options = cause === undefined ? { path: this.path } : { path: this.path, cause };
    return new DataError(this.op, `${quoted(this.path)} ${detail}`, options);
  }

  // `head` holds the first bytes of the contents, `available` is the most they can be.
  header(head: Uint8Array, available: number): Header {
    const type = types[head[2] ?? -1];
    if (head.length < 4 || head[0] !== 0 || head[1] !== 0 || type === undefined) {
      throw this.error(`is not an IDX file: ${startOf(head)}; expected 00 00, a type of 08..0e and the rank`);
    }
    const rank = head[3] as number;
    if (rank < 1 || rank > MAX_RANK) throw this.error(`has rank ${rank}; supported are 1..${MAX_RANK}`);
    const headerBytes = 4 + 4 * rank;
    if (head.length < headerBytes) {
      throw this.error(`is truncated: ${head.length} bytes of a header of ${headerBytes}`);
    }
    const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
    const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
    let dataBytes: number = type.bytes;
    // Each factor is below 2^32 and each product is held below 2^30 before the next: never beyond 2^53.
    for (const extent of shape) {
      dataBytes *= extent;
      if (dataBytes > MAX_DATA_BYTES) {
        throw this.error(`claims shape [${shape.join(', ')}]: over ${MAX_DATA_BYTES} bytes; split the file`);
      }
    }
    if (headerBytes + dataBytes > available) throw this.truncated(shape, headerBytes + dataBytes, available);
    return { type, shape, headerBytes, dataBytes };
  }

  truncated(shape: number[], expected: number, found: number): DataError {
    return this.error(`is truncated: shape [${shape.join(', ')}] needs ${expected} bytes, it has ${found}`);
  }

  trailing(shape: number[], expected: number, found: string): DataError {
    return this.error(
      `has trailing bytes: shape [${shape.join(', ')}] needs ${expected} bytes, it has ${found}`,
    );
  }

  // The bytes of a plain file.
  async plain(file: FileHandle, head: Uint8Array, fileBytes: number): Promise<IdxArray> {
    const header = this.header(head, fileBytes);
    const { type, shape, headerBytes, dataBytes } = header;
    const expected = headerBytes + dataBytes;
    if (fileBytes > expected) throw this.trailing(shape, expected, `${fileBytes}`);
    const data = new Uint8Array(dataBytes);
    let filled = 0;
    while (filled < dataBytes) {
      const { bytesRead } = await file.read(data, filled, dataBytes - filled, headerBytes + filled);
      if (bytesRead === 0) throw this.truncated(shape, expected, headerBytes + filled);
      filled += bytesRead;
    }
    await swapInTurns(data, type.bytes);
    return type.make(data.buffer, shape);
  }

  // The expanded bytes of a gzip file, one piece at a time straight into the array.
  async gzipped(file: FileHandle, fileBytes: number): Promise<IdxArray> {
    const source = file.createReadStream({ start: 0, autoClose: false, highWaterMark: PIECE_BYTES });
    const gunzip = createGunzip({ chunkSize: PIECE_BYTES });
    source.on('error', error => gunzip.destroy(error));
    source.pipe(gunzip);
    try {
      const filler = new Filler(this, fileBytes * MAX_EXPANSION);
      for await (const piece of gunzip as AsyncIterable<Uint8Array>) filler.add(piece);
      const { type, shape, data } = filler.end();
      if (gunzip.bytesWritten !== fileBytes) {
        throw this.error(`has ${fileBytes - gunzip.bytesWritten} bytes after the end of its gzip data`);
      }
      await swapInTurns(data, type.bytes);
      return type.make(data.buffer, shape);
    } catch (error) {
      if (error instanceof DataError) throw error;
      throw this.error(`is damaged gzip data: ${messageOf(error)}`, error);
    } finally {
      source.destroy();
      gunzip.destroy();
    }
  }
}

/** Takes the pieces of a file as they are expanded; the array is made once the header has been checked. */
class Filler {
  private head = new Uint8Array(0);
  private header: Header | null = null;
  private data = new Uint8Array(0);
  private filled = 0;

  constructor(
    private readonly reader: Reader,
    private readonly available: number,
  ) {}

  add(piece: Uint8Array): void {
    if (this.header !== null) {
      this.fill(this.header, piece);
      return;
    }
    const head = new Uint8Array(this.head.length + piece.length);
    head.set(this.head);
    head.set(piece, this.head.length);
    this.head = head;
    if (head.length >= MAX_HEADER_BYTES) this.start();
  }

  private start(): Header {
    const header = this.reader.header(this.head, this.available);
    this.header = header;
    this.data = new Uint8Array(header.dataBytes);
    this.fill(header, this.head.subarray(header.headerBytes));
    return header;
  }

  private fill({ shape, headerBytes, dataBytes }: Header, piece: Uint8Array): void {
    const total = this.filled + piece.length;
    if (total > dataBytes) {
      throw this.reader.trailing(shape, headerBytes + dataBytes, `${headerBytes + total} or more`);
    }
    this.data.set(piece, this.filled);
    this.filled = total;
  }

  end(): Header & { data: Uint8Array<ArrayBuffer> } {
    const header = this.header ?? this.start();
    const { shape, headerBytes, dataBytes } = header;
    if (this.filled < dataBytes) {
      throw this.reader.truncated(shape, headerBytes + dataBytes, headerBytes + this.filled);
    }
    return { ...header, data: this.data };
  }
}

const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);

// IDX is big-endian: turns the numbers of `width` bytes around where this machine is not.
function swap(bytes: Uint8Array, width: IdxType['bytes']): void {
  if (width === 1 || endianness() === 'BE') return;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) view.swap16();
  else if (width === 4) view.swap32();
  else view.swap64();
}

async function swapInTurns(bytes: Uint8Array, width: IdxType['bytes']): Promise<void> {
  if (width === 1) return;
  for (let from = 0; from < bytes.length; from += PIECE_BYTES) {
    swap(bytes.subarray(from, from + PIECE_BYTES), width);
    await turn();
  }
}

/**
 * The array in the plain bytes of an IDX file; `name` stands for it in errors.
 *
 * @example
 * const bytes = new Uint8Array([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]);
 * data.parseIdx(bytes, 'two'); // { dtype: 'u8', shape: [2], data: [7, 9] }
 */
export function parseIdx(bytes: Uint8Array, name: string): IdxArray {
  const reader = new Reader('parseIdx', name);
  const { type, shape, headerBytes, dataBytes } = reader.header(bytes, bytes.length);
  const expected = headerBytes + dataBytes;
  if (bytes.length > expected) throw reader.trailing(shape, expected, `${bytes.length}`);
  const data = new Uint8Array(dataBytes);
  data.set(bytes.subarray(headerBytes));
  swap(data, type.bytes);
  return type.make(data.buffer, shape);
}

/**
 * Reads an IDX file, plain or gzipped (told by its first bytes), of at most 1 GiB of data. A file that is
 * missing, foreign, truncated, damaged or longer than its header says is a DataError with its path.
 *
 * @example
 * const labels = await data.readIdx('data/mnist/train-labels-idx1-ubyte.gz');
 * labels.shape; // [20]
 */
export async function readIdx(path: string): Promise<IdxArray> {
  const reader = new Reader('readIdx', path);
  let file: FileHandle | null = null;
  try {
    file = await open(path, 'r');
    const stat = await file.stat();
    if (!stat.isFile()) throw reader.error('is not a regular file; give the path of an IDX file');
    const { buffer, bytesRead } = await file.read(new Uint8Array(MAX_HEADER_BYTES), 0, MAX_HEADER_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const isGzip = head[0] === 0x1f && head[1] === 0x8b;
    return await (isGzip ? reader.gzipped(file, stat.size) : reader.plain(file, head, stat.size));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw reader.error(`cannot be read: ${messageOf(error)}`, error);
  } finally {
    await file?.close();
  }
}
