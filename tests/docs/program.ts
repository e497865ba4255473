// A snippet as a program: what it needs in front of it, as text for the type checker and as a function to run.
import { createRequire } from 'node:module';
import ts from 'typescript';
import * as hebb from 'hebb';
import { claims, confirm, confirmThrows } from './claims';
import type { Snippet } from './snippets';

// What examples speak of without making it. Each line may use those before it.
const context: Readonly<Record<string, string>> = {
  train: 'const train = data.digits({ seed: 1, count: 64 });',
  validation: 'const validation = data.digits({ seed: 2, count: 32 });',
  test: 'const test = data.digits({ seed: 3, count: 32 });',
  model: 'const model = nn.sequential(new nn.Flatten(), new nn.Linear(784, 10));',
  optimizer: 'const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });',
  x: 'const x = uniform([8, 28, 28, 1]);',
  target: 'const target = randint(0, 10, [8]);',
  loss: 'const loss = nn.crossEntropy(model.forward(x), target);',
};

// What a program can name: the op `var` is `var_` there.
const names = Object.keys(hebb).filter(name => !(`${name}_` in hebb));

const uses = (text: string, name: string): boolean => new RegExp(`\\b${name}\\b`).test(text);

/** The lines of `context` that `code` needs, and those that they need. */
function prelude(code: string): string {
  const lines: string[] = [];
  for (const [name, line] of Object.entries(context).reverse()) {
    if ([code, ...lines].some(text => uses(text, name))) lines.unshift(line);
  }
  return lines.join('\n');
}

const parsed = (code: string): ts.SourceFile =>
  ts.createSourceFile('snippet.ts', code, ts.ScriptTarget.ES2023, true);

interface Parts {
  readonly imports: readonly ts.ImportDeclaration[];
  readonly body: string;
}

// A program imports what it uses; anything else is given what it names.
function parts(code: string): Parts {
  const file = parsed(code);
  const imports = file.statements.filter(ts.isImportDeclaration);
  return { imports, body: code.slice(imports.at(-1)?.end ?? 0) };
}

/** The snippet as a module that the compiler can check. */
export function moduleText({ code }: Snippet): string {
  const { imports, body } = parts(code);
  if (imports.length > 0) {
    return `${imports.map(line => line.getText()).join('\n')}\nexport async function main() {\n${body}\n}\n`;
  }
  const lines = prelude(code);
  const used = names.filter(name => uses(`${lines}\n${code}`, name));
  const given = `import { ${used.join(', ')} } from 'hebb';`;
  return `${given}\nexport async function main() {\n${lines}\n{\n${code}\n}\n}\n`;
}

// `import { a as b, type C } from 'm'` as `const { a: b } = load('m')`.
function loaded(line: ts.ImportDeclaration): string {
  const bindings = line.importClause?.namedBindings;
  if (line.importClause?.isTypeOnly === true || bindings === undefined) return '';
  if (ts.isNamespaceImport(bindings))
    return `const ${bindings.name.text} = load(${line.moduleSpecifier.getText()});`;
  const members = bindings.elements
    .filter(element => !element.isTypeOnly)
    .map(({ name, propertyName }) => (propertyName ? `${propertyName.getText()}: ${name.text}` : name.text));
  return `const { ${members.join(', ')} } = load(${line.moduleSpecifier.getText()});`;
}

// Every expression whose comment claims a value, so that the value is compared with the claim.
function instrumented(body: string): string {
  let text = body;
  for (const { start, end, expression, claim } of claims(parsed(body)).reverse()) {
    const check =
      claim.kind === 'throws'
        ? `await confirmThrows(async () => (${expression}), ${JSON.stringify(claim.text)});`
        : `confirm((${expression}), () => (${claim.text}));`;
    text = text.slice(0, start) + check + text.slice(end);
  }
  return text;
}

const requireNode = createRequire(__filename);

/** What a program was run with and what it printed. */
export interface Run {
  readonly lines: readonly string[];
}

/** Runs the snippet in this process and checks what its comments claim. `args` are those of its command line. */
export async function runSnippet({ name, code }: Snippet, args: readonly string[] = []): Promise<Run> {
  const { imports, body } = parts(code);
  const lines = imports.length > 0 ? imports.map(loaded).join('\n') : prelude(code);
  const source = `async function main() {\n${lines}\n{\n${instrumented(body)}\n}\n}`;
  const { outputText } = ts.transpileModule(source, {
    fileName: name,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const printed: string[] = [];
  const given: Readonly<Record<string, unknown>> = {
    ...(imports.length > 0 ? {} : Object.fromEntries(names.map(name => [name, Reflect.get(hebb, name)]))),
    confirm,
    confirmThrows,
    load: (specifier: string): unknown => (specifier === 'hebb' ? hebb : requireNode(specifier)),
    console: { log: (...values: unknown[]) => void printed.push(values.map(String).join(' ')) },
    // Signals stay with the test runner.
    process: { ...process, argv: [process.execPath, name, ...args], once: () => undefined },
  };
  const js = outputText.replace(/^export \{\};$/m, '');
  const main = new Function(...Object.keys(given), `${js}\nreturn main();`) as (
    ...values: unknown[]
  ) => Promise<void>;
  await main(...Object.values(given));
  return { lines: printed };
}
