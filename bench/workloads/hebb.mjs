// The library for the benchmarks: the build in dist/ where it is newer than the sources, else the sources themselves.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from '../../scripts/process.mjs';

const require = createRequire(import.meta.url);
const built = path.join(root, 'dist', 'cjs', 'index.js');

function newestSource() {
  const names = readdirSync(path.join(root, 'ts'), { recursive: true }).filter(name => name.endsWith('.ts'));
  return Math.max(...names.map(name => statSync(path.join(root, 'ts', name)).mtimeMs));
}

/** 'dist' or 'ts'. The compiler that runs the sources takes some 60 MB of the resident memory. */
export const source = existsSync(built) && statSync(built).mtimeMs >= newestSource() ? 'dist' : 'ts';

function load() {
  if (source === 'dist') return require(built);
  require('../../tests/reliability/typescript-hook.cjs');
  return require('../../ts/index.ts');
}

export const hebb = load();

/** Throws where the library lacks one of the names, as it may while a feature is under way. */
export function need(workload, ...names) {
  const missing = names.filter(name => name.split('.').reduce((at, key) => at?.[key], hebb) === undefined);
  if (missing.length > 0) throw new Error(`${workload}: this build of hebb has no ${missing.join(', ')}`);
}
