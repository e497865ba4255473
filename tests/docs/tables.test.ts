// What the pages say in tables and numbers is what the library does and what its sources hold.
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as hebb from 'hebb';
import { mul, tensor } from 'hebb';
import type { DType } from 'hebb';
import { native } from '../../ts/native';
import { blocksIn, pages, readText, root } from './snippets';

/** The cells of the tables on a page, heads and rules included, without the marks around code and bold words. */
function tableRows(page: string): string[][] {
  return readText(page)
    .split('\n')
    .filter(line => line.startsWith('|'))
    .map(line =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map(cell => cell.trim().replace(/^(`|\*\*)(.*)\1$/, '$2')),
    );
}

function between(text: string, start: string, end: string): string {
  const from = text.indexOf(start) + start.length;
  return text.slice(from, text.indexOf(end, from));
}

const words = (text: string, pattern: RegExp): string[] =>
  [...text.matchAll(pattern)].map(match => match[1] ?? '');

describe('dtypes.md', () => {
  const rows = tableRows('docs/dtypes.md');
  const [head = [], ...table] = rows.slice(rows.findIndex(row => row.length === 9));
  const columns = head.slice(1);
  const one = (dtype: string) => tensor([1], { dtype: dtype as DType });

  test('the promotion table has every dtype', () => {
    expect(columns).toEqual(['f32', 'f64', 'f16', 'bf16', 'i32', 'i64', 'u8', 'bool']);
    expect(table.slice(1, 9).map(row => row[0])).toEqual(columns);
  });

  test.each(table.slice(1, 9).map(row => [row[0] ?? '', row.slice(1)] as const))(
    '%s with each dtype',
    (left, results) => {
      expect(columns.map(right => mul(one(left), one(right)).dtype)).toEqual(results);
    },
  );
});

describe('adding-an-op.md', () => {
  const registry = readText('csrc/ops/registry.h');
  const rows = tableRows('docs/adding-an-op.md');
  const kinds = rows.slice(rows.findIndex(row => row[1] === 'kind' && row.length === 3) + 2);
  const documented = kinds.filter(row => row.length === 3);

  test('the argument kinds are those of the loader, of the registry and of the live ops', () => {
    const names = documented.map(row => row[1] ?? '');
    const loader = between(readText('ts/native.ts'), 'readonly kind:', ';');
    expect(names.sort()).toEqual(words(loader, /'([a-z?]+)'/g).sort());
    expect(words(between(registry, 'enum class ArgKind {', '};'), /\bk([A-Z]\w+)/g)).toHaveLength(
      names.length,
    );
    const live = native.schema().flatMap(op => op.args.map(arg => arg.kind));
    expect([...new Set(live)].filter(kind => !names.includes(kind))).toEqual([]);
    expect(names.length).toBeLessThanOrEqual(12);
  });

  test('each kind is deduced from the C++ type in its row', () => {
    const bare = (type: string): string => type.replace(/^const |&$/g, '');
    const deduced = words(registry, /^struct Deduce<(.*)> \{/gm).map(bare);
    const types = documented.map(row => bare((row[0] ?? '').split('`')[0] ?? ''));
    expect(types.sort()).toEqual(deduced.sort());
  });

  test('the flags and dtype classes are those of the registry', () => {
    const page = readText('docs/adding-an-op.md');
    const flags = words(between(registry, 'enum Flag', '};'), /\b(k[A-Z]\w+) =/g).filter(
      flag => flag !== 'kPlain',
    );
    const classes = words(between(registry, 'enum class DTypes {', '}'), /\b(k[A-Z]\w+)/g);
    expect([...flags, ...classes].filter(name => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

interface Claim {
  readonly page: string;
  readonly said: RegExp;
  readonly source: string;
  readonly line: RegExp;
  /** How the page says the number of the source, where it is not the same. */
  readonly as?: (value: number) => string;
}

const claims: readonly Claim[] = [
  {
    page: 'docs/execution.md',
    said: /commands waiting in one queue \| (\d+)/,
    source: 'csrc/stream/stream.h',
    line: /kQueueLength = (\d+);/,
  },
  {
    page: 'docs/execution.md',
    said: /until (half) of it has run/,
    source: 'csrc/stream/stream.cpp',
    line: /kQueueLength \/ (\d)\)/,
    as: part => (part === 2 ? 'half' : `1 / ${part}`),
  },
  {
    page: 'docs/execution.md',
    said: /served in turn, (\d+) commands at a time/,
    source: 'csrc/stream/run.cpp',
    line: /kTurn = (\d+);/,
  },
  {
    page: 'docs/execution.md',
    said: /before it parks \| (\d+) us/,
    source: 'csrc/stream/executor.cpp',
    line: /kSpin = std::chrono::microseconds\((\d+)\)/,
  },
  {
    page: 'docs/execution.md',
    said: /\| (\d+) ms between macrotask turns/,
    source: 'ts/data/loader.ts',
    line: /TURN_MS = (\d+);/,
  },
  {
    page: 'docs/execution.md',
    said: /under way \| (\d+): one running/,
    source: 'ts/train/fit.ts',
    line: /steps\.settle\(totals, ([1-9])\)/,
    as: left => String(left + 1),
  },
  {
    page: 'docs/execution.md',
    said: /warned about once, (\d+) s later/,
    source: 'ts/native.ts',
    line: /WARNING_MS = (\d+);/,
    as: ms => String(ms / 1000),
  },
  {
    page: 'docs/execution.md',
    said: /at most (\d+) threads/,
    source: 'csrc/device/cpu/pool.h',
    line: /kMaxThreads = (\d+);/,
  },
  {
    page: 'docs/execution.md',
    said: /\((\d+) % of what the machine/,
    source: 'csrc/device/cpu/allocator.cpp',
    line: /usable_memory\(\)\) \* (0\.\d+)/,
    as: part => String(100 * part),
  },
  {
    page: 'docs/execution.md',
    said: /one compiled step under way \| (\d+);/,
    source: 'binding/plan.h',
    line: /kPending = (\d+);/,
  },
  ...['docs/execution.md', 'docs/compile.md'].flatMap(page => [
    { page, said: /take 10 ms, at most (\d+)/, source: 'binding/plan.h', line: /kShortPending = (\d+);/ },
    { page, said: /as many as take (\d+) ms/, source: 'binding/plan.h', line: /kAhead = .*\((\d+)\);/ },
  ]),
  {
    page: 'docs/compile.md',
    said: /turn at least every (\d+) ms/,
    source: 'ts/pace.ts',
    line: /TURN_MS = (\d+);/,
  },
  {
    page: 'docs/compile.md',
    said: /among the last (\d+)/,
    source: 'ts/compile.ts',
    line: /cache = (\d+) \}/,
  },
  {
    page: 'docs/compile.md',
    said: /each state of (\d+) KiB/,
    source: 'csrc/stream/passes/updates.cpp',
    line: /kLarge = (\d+) << 10;/,
  },
  {
    page: 'docs/compile.md',
    said: /more than (\d+) MiB of temporaries/,
    source: 'csrc/ops/environment.cpp',
    line: /rematerialise\(program, int64_t\{(\d+)\} << 20\)/,
  },
  ...['first', 'early', 'late'].map((part, i) => ({
    page: 'docs/performance.md',
    said: [
      /first loss is held to ([\de-]+):/,
      /yet, are held to ([\de-]+):/,
      /The rest is held to ([\de-]+),/,
    ][i] as RegExp,
    source: 'bench/rivals/curves.mjs',
    line: new RegExp(`f32: .*${part}: ([\\de-]+)`),
    as: (value: number) => value.toExponential(),
  })),
  {
    page: 'docs/performance.md',
    said: /`--check` runs (\d+) steps/,
    source: 'bench/rivals/check.mjs',
    line: /STEPS = (\d+);/,
  },
  {
    page: 'docs/performance.md',
    said: /(\d+) ms of rest between windows/,
    source: 'bench/rivals/measure.mjs',
    line: /SETTLE_MS = (\d+);/,
  },
  {
    page: 'docs/performance.md',
    said: /pairs of windows, (\d+) unless said/,
    source: 'bench/rivals/options.mjs',
    line: /pairs: .*default: '(\d+)'/,
  },
  {
    page: 'docs/dtypes.md',
    said: /at most (\d+) axes/,
    source: 'csrc/core/shape.h',
    line: /kMaxRank = (\d+);/,
  },
];

test.each(claims)('$page: $said', ({ page, said, source, line, as = String }) => {
  const value = line.exec(readText(source))?.[1];
  expect(said.exec(readText(page))?.[1]).toBe(
    value === undefined ? `a number in ${source}` : as(Number(value)),
  );
});

describe('architecture.md', () => {
  const plan = between(readText('docs/architecture.md'), '## Rooms\n\n```\n', '\n```');
  const folders = (path: string): string[] =>
    readdirSync(join(root, path), { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => entry.name);

  test.each(['csrc', 'ts'])('every folder of %s is in the plan', folder => {
    expect(folders(folder).filter(name => !plan.includes(`${name}/`))).toEqual([]);
  });

  test('what the plan names is there', () => {
    const named = [
      ...words(plan, /^(\w+)\/ /gm),
      ...words(plan, /^ {2}(\w+)\/ {2}/gm).map(name => `csrc/${name}`),
    ];
    expect(named.length).toBeGreaterThan(10);
    const rooms = words(plan, /^ {2}((?:\w+\/ ?)+)$/gm).flatMap(line =>
      line.split(' ').map(name => `ts/${name}`),
    );
    expect([...named, ...rooms].filter(name => !existsSync(join(root, name)))).toEqual([]);
  });
});

test('the table of passes has those that run, in order', () => {
  const step = hebb.compile(() => hebb.zeros([2]));
  step.prepare();
  const rows = tableRows('docs/compile.md');
  const table = rows.slice(rows.findIndex(row => row[0] === 'pass') + 2).map(row => row[0]);
  expect(table).toEqual(
    step
      .explain()
      .map(({ pass }) => pass)
      .slice(1),
  );
});

test('the table of errors has every class', () => {
  const classes = words(readText('ts/errors.ts'), /^export class (\w+) extends HebbError/gm);
  const documented = tableRows('docs/errors.md')
    .slice(2)
    .map(row => row[0]);
  expect(documented.sort()).toEqual(classes.sort());
  expect(classes.filter(name => !(name in hebb))).toEqual([]);
});

test('the npm scripts of the pages exist', () => {
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
  const named = pages.flatMap(page => words(readText(page), /npm\s+(?:run\s+)?([a-z:]+)/g));
  expect(named).toEqual(expect.arrayContaining(['start', 'test', 'gen']));
  const builtIn = ['ci', 'install', 'pack'];
  expect(named.filter(name => scripts[name] === undefined && !builtIn.includes(name))).toEqual([]);
});

test('the links between pages lead somewhere', () => {
  const broken = pages.flatMap(page =>
    words(readText(page), /\]\(([^)#\s]+)(?:#[^)]*)?\)/g)
      .filter(link => !/^https?:/.test(link) && !existsSync(join(root, dirname(page), link)))
      .map(link => `${page}: ${link}`),
  );
  expect(broken).toEqual([]);
});

test('a block that is a fragment says so', () => {
  expect(blocksIn('a.md', '```ts\none();\n```\n\n```ts fragment\n{ two }\n```\n')).toEqual([
    { name: 'a.md:1', code: 'one();' },
  ]);
});
