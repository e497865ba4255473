// Everything that `hebb` exports is documented: functions and classes with an example, members and interfaces with a sentence.
import ts from 'typescript';
import { programOf } from './compiler';

const program = programOf();
const checker = program.getTypeChecker();
const isOurs = (file: string): boolean => /\/ts\/.*\.ts$/.test(file) && !file.endsWith('ops.gen.ts');

// Said once, by the interface or the class they come from.
const inherited = new Set(['forward', 'constructor', 'members', 'update', 'toString']);

interface Export {
  readonly path: string;
  readonly symbol: ts.Symbol;
  readonly node: ts.Declaration;
}

/** What a module exports and, under `nn.` and the like, what the modules that it exports do. */
function exportsOf(module: ts.Symbol, prefix = ''): Export[] {
  return checker.getExportsOfModule(module).flatMap(found => {
    const symbol = found.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(found) : found;
    const path = `${prefix}${found.name}`;
    const node = symbol.declarations?.[0];
    if (symbol.flags & ts.SymbolFlags.ValueModule) return exportsOf(symbol, `${path}.`);
    return node !== undefined && isOurs(node.getSourceFile().fileName) ? [{ path, symbol, node }] : [];
  });
}

function allExports(): Export[] {
  const index = program.getSourceFiles().find(file => file.fileName.endsWith('/ts/index.ts'));
  const module = index && checker.getSymbolAtLocation(index);
  return module === undefined ? [] : exportsOf(module);
}

const isSaid = (symbol: ts.Symbol | undefined): boolean =>
  symbol !== undefined && ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim() !== '';

const hasExample = (symbol: ts.Symbol): boolean =>
  symbol.getJsDocTags(checker).some(tag => tag.name === 'example');

const isCallable = ({ symbol, node }: Export): boolean =>
  checker.getTypeOfSymbolAtLocation(symbol, node).getCallSignatures().length > 0;

// The errors are one family: its base has the example.
const isError = (node: ts.Declaration): boolean =>
  ts.isClassDeclaration(node) && /extends HebbError/.test(node.getText());

const needsExample = (found: Export): boolean =>
  ts.isClassDeclaration(found.node) ? !isError(found.node) : isCallable(found);

/** Methods and accessors that callers see and that say nothing. */
function silentMembers({ path, node }: Export): string[] {
  if (!ts.isClassDeclaration(node)) return [];
  return node.members.flatMap(member => {
    const { name } = member;
    if (name === undefined || !ts.isIdentifier(name) || inherited.has(name.text)) return [];
    const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected;
    if (ts.getCombinedModifierFlags(member) & hidden || ts.isSetAccessor(member)) return [];
    if (!ts.isMethodDeclaration(member) && !ts.isGetAccessor(member)) return [];
    return isSaid(checker.getSymbolAtLocation(name)) ? [] : [`${path}.${name.text}`];
  });
}

const found = allExports();

test('the exports are found', () => {
  const paths = found.map(({ path }) => path);
  expect(paths).toEqual(
    expect.arrayContaining(['Tensor', 'fit', 'nn.Conv2d', 'nn.init.heNormal', 'viz.lineChart']),
  );
  expect(paths.length).toBeGreaterThan(100);
});

test('each has a docstring', () => {
  expect(found.filter(({ symbol }) => !isSaid(symbol)).map(({ path }) => path)).toEqual([]);
});

test('each class and function has an example', () => {
  const silent = found.filter(each => needsExample(each) && !hasExample(each.symbol));
  expect(silent.map(({ path }) => path)).toEqual([]);
});

test('each method and accessor has a docstring', () => {
  expect(found.flatMap(silentMembers)).toEqual([]);
});
