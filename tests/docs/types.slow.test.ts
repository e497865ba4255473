// The examples of docstrings, pages and the examples folder have correct types.
import ts from 'typescript';
import { programOf } from './compiler';
import { moduleText } from './program';
import { docstringExamples, examplePrograms, pageBlocks } from './snippets';

const wrong = { name: 'wrong', code: 'tensor([1]).softmaxx();' };

test('every example compiles', () => {
  const snippets = [...docstringExamples(), ...pageBlocks(), wrong];
  const names = new Map(snippets.map((snippet, i) => [`tests/docs/snippet-${i}.ts`, snippet.name]));
  const texts = new Map(snippets.map((snippet, i) => [`tests/docs/snippet-${i}.ts`, moduleText(snippet)]));
  for (const { name, code } of examplePrograms()) texts.set(name, code);
  const program = programOf(texts);
  const found = program.getSourceFiles().flatMap(file => {
    const path = [...texts.keys()].find(text => file.fileName.endsWith(`/${text}`));
    if (path === undefined) return [];
    const problems = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return problems.map(
      ({ messageText }) => `${names.get(path) ?? path}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
    );
  });
  expect(found).toEqual([expect.stringContaining("wrong: Property 'softmaxx' does not exist")]);
}, 120_000);
