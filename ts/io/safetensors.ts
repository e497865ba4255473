// safetensors files: weights as data, never as a program.
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { asDataError, replaceFile } from '../atomic-file';
import { fromBytes, itemSize, toBytes, view } from '../bytes';
import { DataError, ValueError } from '../errors';
import type { TensorLike } from '../handle';
import type { Tensor } from '../tensor';
import { readHeader, writeHeader } from './safetensors-header';
import type { Entry } from './safetensors-header';

// The format's own limit.
const MAX_HEADER = 100_000_000;

type Sized = TensorLike & { readonly shape: readonly number[]; readonly size: number };

const fails = (path: string, detail: string): DataError =>
  new DataError('safetensors', `${path}: ${detail}`, { path });

function layout(tensors: readonly (readonly [string, Sized])[]): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  let at = 0;
  for (const [name, { dtype, shape, size }] of tensors) {
    const end = at + size * itemSize(dtype);
    entries.set(name, { dtype, shape, begin: at, end });
    at = end;
  }
  return entries;
}

function checkNames(names: readonly string[]): void {
  if (!names.includes('__metadata__')) return;
  throw new ValueError(
    'safetensors',
    "no tensor can be called '__metadata__': the format uses it; give it another name",
  );
}

async function writeAll(file: FileHandle, header: Uint8Array, tensors: readonly Tensor[]): Promise<void> {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await file.writeFile(Buffer.concat([length, header]));
  for (const value of tensors) await file.writeFile(await toBytes(value));
}

/**
 * Writes named tensors or states, such as `model.stateDict()`, as they are at the call. The file appears whole or not at
 * all: it is written beside its place, synced and renamed. Throws DataError and leaves an older file untouched where that
 * fails.
 *
 * @example
 * await io.saveSafetensors('weights.safetensors', model.stateDict());
 */
export async function saveSafetensors(path: string, tensors: Readonly<Record<string, Sized>>): Promise<void> {
  const named = Object.entries(tensors);
  checkNames(named.map(([name]) => name));
  const header = writeHeader(layout(named));
  // A view shares the memory, and a later write to a state does not change it.
  const snapshots = named.map(([, value]) => view(value));
  try {
    await replaceFile('safetensors', path, file => writeAll(file, header, snapshots));
  } finally {
    for (const snapshot of snapshots) snapshot.dispose();
  }
}

interface Span {
  readonly position: number;
  readonly length: number;
  readonly path: string;
}

async function readExactly(file: FileHandle, { position, length, path }: Span): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    // One read of the system gives at most 2 GiB.
    const { bytesRead } = await file.read(bytes, done, Math.min(length - done, 2 ** 30), position + done);
    if (bytesRead === 0) {
      throw new DataError('safetensors', `${path}: ends at byte ${position + done}; it is truncated`, {
        path,
      });
    }
    done += bytesRead;
  }
  return bytes;
}

async function readAll(file: FileHandle, path: string): Promise<Map<string, Tensor>> {
  const { size } = await file.stat();
  if (size < 8) throw fails(path, `${size} bytes; a safetensors file has 8 and more`);
  const length = Buffer.from(await readExactly(file, { position: 0, length: 8, path })).readBigUInt64LE();
  if (length > BigInt(Math.min(MAX_HEADER, size - 8))) {
    throw fails(
      path,
      `its first bytes give a header of ${length} bytes in a file of ${size}; it is truncated or no safetensors file`,
    );
  }
  const data = 8 + Number(length);
  const header = await readExactly(file, { position: 8, length: Number(length), path });
  const entries = readHeader(header, size - data, path);
  const tensors = new Map<string, Tensor>();
  try {
    for (const [name, { dtype, shape, begin, end }] of entries) {
      const bytes = await readExactly(file, { position: data + begin, length: end - begin, path });
      if (dtype === 'bool' && bytes.some(byte => byte > 1)) {
        throw fails(path, `${JSON.stringify(name).slice(0, 80)} of BOOL holds bytes other than 0 and 1`);
      }
      tensors.set(name, fromBytes(dtype, shape, bytes));
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
 * model.loadStateDict(Object.fromEntries(await io.loadSafetensors('weights.safetensors')));
 */
export async function loadSafetensors(path: string): Promise<Map<string, Tensor>> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    return await readAll(file, path);
  } catch (cause) {
    throw asDataError('safetensors', path, cause);
  } finally {
    await file?.close();
  }
}
