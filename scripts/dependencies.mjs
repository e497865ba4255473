// Tells whether node_modules holds what package-lock.json asks for, and installs it when not.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isMain, root, run } from './process.mjs';

function packages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages ?? {};
  } catch {
    return {};
  }
}

/** The first package that is missing or of another version, or null. Optional ones may be missing. */
export function missingDependency() {
  const installed = packages('node_modules/.package-lock.json');
  for (const [name, { version, optional, peer }] of Object.entries(packages('package-lock.json'))) {
    if (name === '') continue;
    const found = installed[name];
    if (found ? found.version !== version : !optional && !peer) return `${name}@${version}`;
  }
  return null;
}

/** `npm ci` when needed; resolves to `{ code, output }`. */
export async function installDependencies() {
  const missing = missingDependency();
  if (!missing) return { code: 0, output: '' };
  const result = await run('npm', ['ci', '--no-audit', '--no-fund']);
  return { code: result.code, output: `npm ci, because ${missing} is missing\n${result.output}` };
}

if (isMain(import.meta.url)) {
  const { code, output } = await installDependencies();
  process.stdout.write(output);
  process.exitCode = code;
}
