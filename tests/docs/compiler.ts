// The TypeScript compiler over the library and texts that are in no file.
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './snippets';

/** A program of the library's index and `texts`, by path from the root, with the options of the tests. */
export function programOf(texts: ReadonlyMap<string, string> = new Map()): ts.Program {
  const config = join(root, 'tsconfig.test.json');
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(config, ts.sys.readFile).config,
    ts.sys,
    root,
  );
  const made = new Map([...texts].map(([path, text]) => [join(root, path), text]));
  const host = ts.createCompilerHost({ ...options, noUnusedLocals: false });
  const { fileExists, readFile } = host;
  host.fileExists = path => made.has(path) || fileExists(path);
  host.readFile = path => made.get(path) ?? readFile(path);
  const { getSourceFile } = host;
  host.getSourceFile = (path, language, ...rest) => {
    const text = made.get(path);
    return text === undefined
      ? getSourceFile(path, language, ...rest)
      : ts.createSourceFile(path, text, language);
  };
  const files = [join(root, 'ts/index.ts'), ...made.keys()];
  return ts.createProgram(files, { ...options, noUnusedLocals: false, noUnusedParameters: false }, host);
}
