// Lists every CUDA kernel family, and the programs that compiled steps fuse, with the hash of its sources, and
// which result in bench/gpu has verified that hash on a device. `--json` for programs; `--root DIR` looks at another tree.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { root as own } from './process.mjs';

const { values } = parseArgs({ options: { json: { type: 'boolean' }, root: { type: 'string' } } });
const root = values.root ?? own;
const csrc = path.join(root, 'csrc');

/** Files of csrc and the kernel headers that they include, in turn; sorted. */
function sourcesOf(files) {
  const found = new Set();
  const waiting = [...files];
  while (waiting.length > 0) {
    const name = waiting.pop();
    if (found.has(name) || !existsSync(path.join(csrc, name))) continue;
    found.add(name);
    const text = readFileSync(path.join(csrc, name), 'utf8');
    for (const [, included] of text.matchAll(/^#include "(kernels\/[^"]+)"/gm)) waiting.push(included);
  }
  return [...found].sort();
}

/** The same as hash_of in scripts/gpu_check/hashes.py. */
function hashOf(names) {
  const hash = createHash('sha256');
  for (const name of names)
    hash
      .update(`${name}\0`)
      .update(readFileSync(path.join(csrc, name)))
      .update('\0');
  return hash.digest('hex');
}

/** The files of a folder of csrc, as paths from there; none where it is missing. */
function filesOf(folder) {
  const names = existsSync(path.join(csrc, folder)) ? readdirSync(path.join(csrc, folder)) : [];
  return names.sort().map(name => `${folder}/${name}`);
}

function families() {
  const kernels = filesOf('kernels/cuda').filter(name => name.endsWith('.cu'));
  const groups = kernels.map(name => [path.basename(name, '.cu'), [name]]);
  // The text of fused programs is made at run time, from these.
  const texts = [...filesOf('stream/ptx'), ...filesOf('kernels/ptx')];
  if (texts.length > 0) groups.push(['programs', texts]);
  return groups.map(([family, files]) => ({ family, hash: hashOf(sourcesOf(files)) }));
}

/** The committed results, the newest first. */
function results() {
  const folder = path.join(root, 'bench', 'gpu');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => name.endsWith('.json'))
    .map(name => ({
      name: `bench/gpu/${name}`,
      ...JSON.parse(readFileSync(path.join(folder, name), 'utf8')),
    }))
    .sort((a, b) => String(b.date).localeCompare(String(a.date)));
}

const committed = results();
const status = families().map(({ family, hash }) => {
  const by = committed.find(({ verified }) => {
    const entry = verified?.[family];
    return entry?.verified === true && entry.hash === hash;
  });
  return { family, hash, verifiedBy: by?.name ?? null, gpu: by?.environment?.gpu ?? null };
});

if (values.json) {
  console.log(JSON.stringify(status, null, 2));
} else {
  for (const { family, hash, verifiedBy, gpu } of status) {
    const where = verifiedBy === null ? 'unverified on a device' : `verified on ${gpu} (${verifiedBy})`;
    console.log(`${family.padEnd(16)} ${hash.slice(0, 12)}  ${where}`);
  }
}
