// Files that appear whole or not at all: written beside their place, synced and renamed.
import { lstat, open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DataError, HebbError } from './errors';

/** What the system refused, as an error with the path; anything else as it is. */
export function asDataError(op: string, path: string, cause: unknown): unknown {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  if (typeof code !== 'string' || cause instanceof HebbError) return cause;
  const detail = code === 'ENOENT' ? 'no such file or folder; check the path' : `cannot be used (${code})`;
  return new DataError(op, `${path}: ${detail}`, { path, cause });
}

// Renaming over a device or a link would replace it.
async function checkTarget(op: string, path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined || found.isFile()) return;
  throw new DataError(op, `${path}: is there and no regular file; give another path`, { path });
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

// Two writes of one process under way never share a file.
let writes = 0;

/** Puts what `fill` writes at `path`. Throws DataError and leaves an older file untouched where that fails. */
export async function replaceFile(
  op: string,
  path: string,
  fill: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.tmp-${process.pid}-${++writes}`;
  try {
    await checkTarget(op, path);
    const file = await open(temporary, 'wx');
    try {
      await fill(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw asDataError(op, path, cause);
  }
}
