// Small source trees in a temporary folder, for the tests of the scripts that walk one.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const root = path.join(__dirname, '..', '..');

export interface ScriptResult {
  code: number | null;
  output: string;
}

/** Writes the files into a fresh folder, calls `use` with it and removes it again. */
export function withTree<T>(files: Record<string, string>, use: (folder: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'hebb-tree-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs scripts/<name> with Node. */
export function runScript(name: string, args: string[]): ScriptResult {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(root, 'scripts', name), ...args],
    {
      encoding: 'utf8',
    },
  );
  return { code: status, output: stdout + stderr };
}
