// safetensors files: weights as data, never as a program.
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fromBytes, itemSize, toBytes } from '../bytes';
import { DataError } from '../errors';
import type { TensorLike } from '../handle';
import type { Tensor } from '../tensor';
import { readHeader, writeHeader } from './safetensors-header';
import type { Entry } from './safetensors-header';

// The format's own limit.
const MAX_HEADER = 100_000_000;

type Sized = TensorLike & { readonly shape: readonly number[]; readonly size: number };

function dataError(path: string, cause: unknown): DataError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
  const detail = code === 'ENOENT' ? 'no such file; check the path' : `cannot be used (${code})`;
  return new DataError('safetensors', `${path}: ${detail}`, { path, cause });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function layout(tensors: Readonly<Record<string, Sized>>): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  let at = 0;
  for (const [name, { dtype, shape, size }] of Object.entries(tensors)) {
    const end = at + size * itemSize(dtype);
    entries.set(name, { dtype, shape, begin: at, end });
    at = end;
  }
  return entries;
}

/**
 * Writes named tensors or states, such as `model.stateDict()`. The file appears whole or not at all: it is written beside
 * its place, synced and renamed. Throws DataError and leaves an older file untouched where that fails.
 *
 * @example
 * await saveSafetensors('weights.safetensors', model.stateDict());
 */
export async function saveSafetensors(
  path: string,
  tensors: Readonly<Record<string, Sized>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const header = writeHeader(layout(tensors), metadata);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const temporary = `${path}.tmp-${process.pid}`;
  try {
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(length);
      await file.writeFile(header);
      for (const value of Object.values(tensors)) await file.writeFile(await toBytes(value));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(path);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause instanceof Error && 'code' in cause ? dataError(path, cause) : cause;
  }
}

async function readExactly(file: FileHandle, position: number, length: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    // One read of the system gives at most 2 GiB.
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), position + done);
    if (bytesRead === 0) {
      throw new DataError('safetensors', `${path}: ends at byte ${position + done}; it is truncated`, { path });
    }
    done += bytesRead;
  }
  return bytes;
}

async function readAll(file: FileHandle, path: string): Promise<Map<string, Tensor>> {
  const { size } = await file.stat();
  if (size < 8) throw new DataError('safetensors', `${path}: ${size} bytes; a safetensors file has 8 and more`, { path });
  const start = Buffer.from(await readExactly(file, 0, 8, path));
  const length = start.readBigUInt64LE();
  if (length > BigInt(MAX_HEADER) || Number(length) > size - 8) {
    const what = `the header's length is given as ${length} bytes in a file of ${size}`;
    throw new DataError('safetensors', `${path}: ${what}; this is no safetensors file, or it is truncated`, { path });
  }
  const data = 8 + Number(length);
  const entries = readHeader(await readExactly(file, 8, Number(length), path), size - data, path);
  const tensors = new Map<string, Tensor>();
  try {
    for (const [name, { dtype, shape, begin, end }] of entries) {
      tensors.set(name, fromBytes(dtype, shape, await readExactly(file, data + begin, end - begin, path)));
    }
  } catch (error) {
    for (const made of tensors.values()) made.dispose();
    throw error;
  }
  return tensors;
}

/**
 * The tensors of a safetensors file by name. Throws DataError, with the path, for a missing, truncated or foreign file and
 * for every departure from the format; nothing is allocated on a header's word alone.
 *
 * @example
 * model.loadStateDict(Object.fromEntries(await loadSafetensors('weights.safetensors')));
 */
export async function loadSafetensors(path: string): Promise<Map<string, Tensor>> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (cause) {
    throw dataError(path, cause);
  }
  try {
    return await readAll(file, path);
  } catch (cause) {
    throw cause instanceof Error && 'code' in cause ? dataError(path, cause) : cause;
  } finally {
    await file.close();
  }
}
