// Reports the lines of each room and the largest files; over 600 lines a file fails, over 400 it is worth a look.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { root } from './process.mjs';

const look = 400;
const split = 600;
const nested = ['csrc', 'ts', 'tests'];
const flat = ['binding', 'scripts', 'bench', 'examples'];

function sources(folder) {
  if (!existsSync(path.join(root, folder))) return [];
  return readdirSync(path.join(root, folder), { recursive: true })
    .filter(
      name =>
        /\.(h|cpp|cu|cuh|ts|mts|mjs|cjs|js|py)$/.test(name) && !/\.gen\.ts$|node_modules|\.venv/.test(name),
    )
    .map(name => `${folder}/${name.split(path.sep).join('/')}`);
}

/** csrc/core/dtype.h counts for csrc/core, ts/tensor.ts for ts, scripts/pack-test/train.mjs for scripts. */
function room(file) {
  const parts = file.split('/');
  return nested.includes(parts[0]) && parts.length > 2 ? `${parts[0]}/${parts[1]}` : parts[0];
}

const files = [...nested, ...flat]
  .flatMap(sources)
  .map(file => ({ file, lines: readFileSync(path.join(root, file), 'utf8').split('\n').length - 1 }));
const rooms = new Map();
for (const { file, lines } of files) {
  const sum = rooms.get(room(file)) ?? { files: 0, lines: 0 };
  rooms.set(room(file), { files: sum.files + 1, lines: sum.lines + lines });
}

for (const [name, { files: count, lines }] of [...rooms].sort()) {
  console.log(`${name.padEnd(22)} ${String(count).padStart(4)} files ${String(lines).padStart(6)} lines`);
}
const largest = files.sort((a, b) => b.lines - a.lines);
console.log('\nlargest');
for (const { file, lines } of largest.slice(0, 10)) console.log(`${String(lines).padStart(6)} ${file}`);
for (const { file, lines } of largest.filter(({ lines }) => lines > look)) {
  const over = lines > split;
  console.log(
    `${over ? 'error' : 'warning'}: ${file} has ${lines} lines; ${over ? `split it, ${split} is the limit` : 'is it one subject?'}`,
  );
  if (over) process.exitCode = 1;
}
