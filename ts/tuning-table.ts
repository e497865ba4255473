// Tables of measured choices: files that say which method a command takes.
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { asDataError, replaceFile } from './atomic-file';
import { DataError } from './errors';

/** The method of a command, and the milliseconds that each took. */
export interface Choice {
  readonly method: string;
  readonly ms: Readonly<Record<string, number>>;
}

/** By the key of a command. */
export type Choices = ReadonlyMap<string, Choice>;

const VERSION = 1;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isChoice = (value: unknown): value is Choice =>
  isRecord(value) &&
  typeof value['method'] === 'string' &&
  isRecord(value['ms']) &&
  Object.values(value['ms']).every(ms => typeof ms === 'number');

/** What is wrong with a table, as an error with its path. */
export const tableError = (path: string, detail: string, cause?: unknown): DataError =>
  new DataError('compile', `${path}: ${detail}`, { path, ...(cause === undefined ? {} : { cause }) });

function parsed(path: string, content: string): Choices {
  let file: unknown;
  try {
    file = JSON.parse(content);
  } catch (cause) {
    throw tableError(path, 'is no JSON; delete it to measure anew', cause);
  }
  if (!isRecord(file) || !isRecord(file['choices']))
    throw tableError(path, 'is no table of choices; delete it to measure anew');
  if (file['version'] !== VERSION) {
    throw tableError(
      path,
      `has version ${inspect(file['version'])}, this hebb reads ${VERSION}; delete it to measure anew`,
    );
  }
  const entries = Object.entries(file['choices']).map(([key, choice]) => {
    if (!isChoice(choice)) throw tableError(path, `has no method and times for '${key}'; delete that entry`);
    return [key, choice] as const;
  });
  return new Map(entries);
}

/** Throws DataError where there is no such table. */
export function readTable(path: string): Choices {
  let content: string;
  try {
    content = readFileSync(path, 'utf8');
  } catch (cause) {
    throw asDataError('compile', path, cause);
  }
  return parsed(path, content);
}

/** As readTable, with nothing in a file that is not there. */
export function readTableIfAny(path: string): Choices {
  try {
    return readTable(path);
  } catch (error) {
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    if (cause?.code === 'ENOENT') return new Map();
    throw error;
  }
}

/** Adds `measured` to the table, which appears whole or not at all; what it says already stays. */
export async function addToTable(path: string, measured: Choices): Promise<Choices> {
  const choices = new Map([...measured, ...readTableIfAny(path)]);
  const sorted = [...choices].sort(([a], [b]) => (a < b ? -1 : 1));
  const content = { version: VERSION, choices: Object.fromEntries(sorted) };
  await replaceFile('compile', path, file => file.writeFile(`${JSON.stringify(content, null, 2)}\n`));
  return choices;
}
