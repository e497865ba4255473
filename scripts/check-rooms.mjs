// Checks who imports whom, in csrc/, binding/ and ts/: the arrows of docs/architecture.md. `--root DIR` checks another tree.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

// A room may import itself and what stands in its row. `ops/registry` is one file of a room.
const cppArrows = {
  core: [],
  stream: ['core'],
  device: ['core', 'stream'],
  library: ['core', 'stream', 'kernels'],
  kernels: ['core', 'stream'],
  autograd: ['core'],
  ops: ['core', 'stream', 'kernels', 'autograd'],
  binding: [
    'ops/registry',
    'ops/environment',
    'ops/op',
    'ops/transfer',
    'core',
    'stream',
    'device',
    'autograd',
  ],
};
// The files right under ts/ are the tensor layer, but for native.ts, which it alone uses, index.ts, and errors.ts, which
// everyone may import.
const tsArrows = {
  errors: [],
  native: [],
  tensor: ['native'],
  nn: ['tensor'],
  optim: ['tensor'],
  data: ['tensor'],
  metrics: ['tensor'],
  io: ['tensor'],
  text: ['tensor'],
  models: ['nn', 'tensor'],
  train: ['nn', 'optim', 'data', 'metrics', 'io', 'text', 'models', 'tensor'],
  viz: ['nn', 'optim', 'data', 'metrics', 'io', 'text', 'models', 'tensor'],
  cli: ['*'],
  index: ['*'],
};
const nodeHeader = /^(napi|napi-inl|node|node_api|js_native_api|uv|v8|node_buffer)\.h$/;

function filesUnder(folder, pattern) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .filter(name => pattern.test(name))
    .map(name => name.split(path.sep).join('/'))
    .sort();
}

function lineOf(text, position) {
  return text.slice(0, position).split('\n').length;
}

/** The rooms a file may import, as words: "stream -> core". */
function rowText(arrows, room) {
  return `${room} -> ${arrows[room].join(', ') || 'nothing'}`;
}

/** `kernels/cpu/gemm.h` is on side cpu of kernels; other files are on none. */
function side(file) {
  return /^(?:kernels|device)\/(cpu|cuda)\//.exec(file)?.[1] ?? null;
}

function mayInclude(room, target) {
  const targetRoom = target.split('/')[0];
  if (targetRoom === room) return true;
  return cppArrows[room].some(word => word === targetRoom || target === `${word}.h`);
}

function checkInclude(from, { quoted, name }) {
  const room = from.startsWith('binding/') ? 'binding' : from.split('/')[0];
  if (nodeHeader.test(name))
    return room === 'binding' ? null : `${name} is a Node header; only binding/ may include one`;
  if (!quoted) return null;
  if (!(room in cppArrows)) return `room ${room} has no row in check-rooms; give it one`;
  const beside = name.startsWith('.') || !name.includes('/');
  const target = beside ? path.posix.join(path.posix.dirname(from), name) : name;
  if (!mayInclude(room, target))
    return `${room} may not include ${target}; allowed: ${rowText(cppArrows, room)}`;
  if (side(from) && side(target) && side(from) !== side(target))
    return `${side(from)} may not include ${target}`;
  return null;
}

function checkCpp(root, folder, prefix) {
  const found = [];
  const files = filesUnder(path.join(root, folder), /\.(h|cpp|cu|cuh|inc)$/);
  for (const file of files) {
    const text = readFileSync(path.join(root, folder, file), 'utf8');
    for (const match of text.matchAll(/^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]/gm)) {
      const problem = checkInclude(prefix + file, { quoted: match[1] === '"', name: match[2] });
      if (problem) found.push(`${folder}/${file}:${lineOf(text, match.index)}: ${problem}`);
    }
  }
  return { found, files: files.length };
}

/** The room of a file under ts/, given without its ending: `nn/linear` is in nn, `scope` in the tensor layer. */
function tsRoom(file) {
  if (file.includes('/')) return file.split('/')[0];
  return ['native', 'index', 'errors'].includes(file) ? file : 'tensor';
}

function checkImport(from, name, packages) {
  const room = tsRoom(from);
  if (name.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(from), name).replace(/\.(js|ts|mjs|mts)$/, '');
    if (target.endsWith('.node')) return room === 'native' ? null : `only ts/native.ts may load ${name}`;
    if (target.startsWith('..')) return `${name} leaves ts/`;
    const targetRoom = tsRoom(target);
    if (targetRoom === 'errors') return null;
    const row = tsArrows[room];
    if (!row) return `room ${room} has no row in check-rooms; give it one`;
    if (room === targetRoom || row.includes(targetRoom) || row.includes('*')) {
      return targetRoom === 'native' && !['tensor', 'native'].includes(room)
        ? `only the tensor layer may import native.ts`
        : null;
    }
    return `${room} may not import ${target}; allowed: ${rowText(tsArrows, room)}`;
  }
  if (name.startsWith('node:')) return null;
  if (name === 'node-gyp-build')
    return room === 'native' ? null : 'only ts/native.ts may import node-gyp-build';
  const known = packages.some(known => name === known || name.startsWith(`${known}/`));
  return known ? null : `${name} is no dependency in package.json (a built-in is written node:${name})`;
}

function checkTs(root) {
  const found = [];
  const manifest = path.join(root, 'package.json');
  const { dependencies = {}, peerDependencies = {} } = existsSync(manifest)
    ? JSON.parse(readFileSync(manifest, 'utf8'))
    : {};
  const packages = [...Object.keys(dependencies), ...Object.keys(peerDependencies)];
  const files = filesUnder(path.join(root, 'ts'), /\.ts$/);
  for (const file of files) {
    const text = readFileSync(path.join(root, 'ts', file), 'utf8');
    const from = file.replace(/\.ts$/, '');
    for (const { fileName, pos } of ts.preProcessFile(text, true, true).importedFiles) {
      const problem = checkImport(from, fileName, packages);
      if (problem) found.push(`ts/${file}:${lineOf(text, pos)}: ${problem}`);
    }
    const opened = /\bprocess\.dlopen\b/.exec(text);
    if (opened && from !== 'native')
      found.push(`ts/${file}:${lineOf(text, opened.index)}: only ts/native.ts may load the addon`);
  }
  return { found, files: files.length };
}

const rootOption = process.argv.indexOf('--root');
const root = rootOption > 0 ? process.argv[rootOption + 1] : path.join(import.meta.dirname, '..');
const trees = {
  csrc: checkCpp(root, 'csrc', ''),
  binding: checkCpp(root, 'binding', 'binding/'),
  ts: checkTs(root),
};
const found = Object.values(trees).flatMap(tree => tree.found);
for (const [name, { files }] of Object.entries(trees)) {
  if (files === 0) found.push(`${name}: no source file in it; the check would see nothing`);
}
if (found.length > 0) console.log(found.join('\n'));
console.log(
  `rooms: ${Object.values(trees).reduce((sum, tree) => sum + tree.files, 0)} files, ${found.length} wrong`,
);
process.exitCode = found.length === 0 ? 0 : 1;
