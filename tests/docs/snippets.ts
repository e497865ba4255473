// The code in the documentation: `@example` blocks of docstrings and ts blocks of Markdown pages.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(__dirname, '..', '..');

export interface Snippet {
  /** The file and the line of the block, as in `ts/tensor.ts:27`. */
  readonly name: string;
  readonly code: string;
}

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8');

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length;

/** The files of `folder` that end in `ending`, however deep. */
export function filesUnder(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith(ending))
    .map(name => `${folder}/${name}`)
    .sort();
}

/** Every `@example` of the docstrings in `text`, up to the next tag or the end of the comment. */
export function examplesIn(file: string, text: string): Snippet[] {
  return [...text.matchAll(/\/\*\*.*?\*\//gs)].flatMap(comment => {
    const body = comment[0].slice(3, -2).replace(/^[ \t]*\* ?/gm, '');
    return [...body.matchAll(/@example\b(.*?)(?=^@\w|(?![^]))/gms)].map(example => ({
      name: `${file}:${lineAt(text, comment.index) + lineAt(body, example.index) - 1}`,
      code: (example[1] ?? '').trim(),
    }));
  });
}

/** The ts blocks of a page; one that is no program of its own says so, as "ts fragment". */
export function blocksIn(file: string, text: string): Snippet[] {
  return [...text.matchAll(/^```ts[ ]*(\w*)\n(.*?)^```/gms)]
    .filter(([, mark]) => mark !== 'fragment')
    .map(block => ({ name: `${file}:${lineAt(text, block.index)}`, code: (block[2] ?? '').trim() }));
}

export const docstringExamples = (): Snippet[] =>
  filesUnder('ts', '.ts').flatMap(file => examplesIn(file, readText(file)));

export const pages = ['README.md', 'CONTRIBUTING.md', ...filesUnder('docs', '.md')];
export const pageBlocks = (): Snippet[] => pages.flatMap(file => blocksIn(file, readText(file)));

export const examplePrograms = (): Snippet[] =>
  filesUnder('examples', '.mts').map(file => ({ name: file, code: readText(file) }));
