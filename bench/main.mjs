// `npm run bench -- NAME [options]`: runs bench/NAME.mjs.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = path.dirname(fileURLToPath(import.meta.url));
const names = readdirSync(folder)
  .filter(file => file.endsWith('.mjs') && file !== 'main.mjs')
  .map(file => file.slice(0, -4));
const [name, ...options] = process.argv.slice(2);

if (name === undefined || !names.includes(name)) {
  console.error(`bench: ${name ?? 'no name'} is not a benchmark; use npm run bench -- ${names.join('|')}`);
  process.exitCode = 2;
} else {
  const { main } = await import(`./${name}.mjs`);
  try {
    process.exitCode = await main(options);
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  }
}
