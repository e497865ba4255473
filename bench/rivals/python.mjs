// The Python that the rivals run in: a virtual environment beside this folder, ignored by git.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const bench = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

export const environmentFolder = path.join(bench, '.venv');
export const python = path.join(environmentFolder, 'bin', 'python');

/** A rival cannot be set up or run here; `reason` is what to do about it. */
export class RivalError extends Error {
  name = 'RivalError';
}

export function needPython() {
  if (!existsSync(python)) {
    throw new RivalError(`rivals: ${environmentFolder} has no Python; run npm run bench:setup`);
  }
}
