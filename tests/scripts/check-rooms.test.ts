// The rooms check finds each kind of forbidden import in a small tree, and passes the allowed ones.
import { runScript, withTree } from './source-tree';
import type { ScriptResult } from './source-tree';

const clean: Record<string, string> = {
  'package.json': '{ "dependencies": { "node-gyp-build": "^4.8.4" } }',
  'csrc/core/shape.h': '#include <vector>\n',
  'csrc/core/shape.cpp': '#include "shape.h"\n#include "core/shape.h"\n',
  'csrc/stream/command.h': '#include "core/shape.h"\n',
  'csrc/device/cpu/pool.cpp': '#include "stream/command.h"\n',
  'csrc/kernels/gemm.h': '#include "stream/command.h"\n',
  'csrc/kernels/cpu/gemm.cpp': '#include "kernels/gemm.h"\n#include "kernels/cpu/vector.h"\n',
  'csrc/ops/registry.h': '#include "autograd/node.h"\n#include "kernels/gemm.h"\n',
  'binding/addon.cpp':
    '#include <napi.h>\n#include "ops/registry.h"\n#include "device/cpu/pool.h"\n#include "handle.h"\n',
  'ts/errors.ts': 'export class HebbError extends Error {}\n',
  'ts/native.ts':
    "export const native: unknown = require('node-gyp-build')(__dirname);\nexport * from './errors';\n",
  'ts/tensor.ts': "import { native } from './native';\nexport const tensor = native;\n",
  'ts/nn/linear.ts': "import { tensor } from '../tensor';\nexport const linear = tensor;\n",
  'ts/models/lenet.ts': "import { linear } from '../nn/linear';\nexport const lenet = linear;\n",
  'ts/train/fit.ts':
    "import '../optim/sgd';\nimport '../nn/linear';\nimport path from 'node:path';\nexport { path };\n",
  'ts/cli/main.ts': "import '../index';\nimport '../train/fit';\n",
  'ts/index.ts': "export * from './tensor';\nexport * as nn from './nn/linear';\n",
};

function check(extra: Record<string, string>): ScriptResult {
  return withTree({ ...clean, ...extra }, folder => runScript('check-rooms.mjs', ['--root', folder]));
}

test('an orderly tree passes', () => {
  expect(check({})).toEqual({ code: 0, output: 'rooms: 16 files, 0 wrong\n' });
});

const wrong: [string, string, string, RegExp][] = [
  [
    'core may see nothing',
    'csrc/core/a.h',
    '#include "stream/command.h"',
    /core may not include stream\/command\.h; allowed: core -> nothing/,
  ],
  [
    'a relative way round',
    'csrc/core/a.h',
    '#include "../ops/registry.h"',
    /core may not include ops\/registry\.h/,
  ],
  [
    'kernels see no ops',
    'csrc/kernels/cpu/a.cpp',
    '#include "ops/registry.h"',
    /kernels may not include ops/,
  ],
  [
    'kernels see no device',
    'csrc/kernels/cpu/a.cpp',
    '#include "device/cpu/pool.h"',
    /kernels may not include device/,
  ],
  ['ops see no device', 'csrc/ops/a.cpp', '#include "device/cpu/pool.h"', /ops may not include device/],
  [
    'autograd sees no stream',
    'csrc/autograd/a.cpp',
    '#include "stream/command.h"',
    /autograd may not include stream/,
  ],
  [
    'cpu sees no cuda',
    'csrc/kernels/cpu/a.cpp',
    '#include "kernels/cuda/a.h"',
    /cpu may not include kernels\/cuda\/a\.h/,
  ],
  [
    'cuda sees no cpu',
    'csrc/device/cuda/a.cpp',
    '#include "device/cpu/pool.h"',
    /cuda may not include device\/cpu\/pool\.h/,
  ],
  ['Node ends at the binding', 'csrc/ops/a.cpp', '#include <napi.h>', /napi\.h is a Node header/],
  ['a quoted Node header too', 'csrc/core/a.cpp', '#include "node_api.h"', /node_api\.h is a Node header/],
  [
    'binding sees only the registry of ops',
    'binding/a.cpp',
    '#include "ops/matmul.h"',
    /binding may not include ops\/matmul\.h/,
  ],
  [
    'binding sees no kernels',
    'binding/a.cpp',
    '#include "kernels/gemm.h"',
    /binding may not include kernels/,
  ],
  ['a room of csrc without a row', 'csrc/misc/a.h', '#include "core/shape.h"', /room misc has no row/],
  [
    'nn sees no optim',
    'ts/nn/a.ts',
    "import '../optim/sgd';",
    /nn may not import optim\/sgd; allowed: nn -> tensor/,
  ],
  ['optim sees no nn', 'ts/optim/a.ts', "export * from '../nn/linear';", /optim may not import nn\/linear/],
  ['nothing leaves ts', 'ts/io/a.ts', "import '../../bench/clock';", /\.\.\/\.\.\/bench\/clock leaves ts/],
  [
    'the tensor layer sees no nn',
    'ts/a.ts',
    "import type { linear } from './nn/linear';",
    /tensor may not import nn\/linear/,
  ],
  [
    'a dynamic import counts',
    'ts/metrics/a.ts',
    "export const a = import('../train/fit');",
    /metrics may not import train\/fit/,
  ],
  ['only the tensor layer sees native', 'ts/nn/a.ts', "import '../native';", /nn may not import native/],
  [
    'even the cli sees no native',
    'ts/cli/a.ts',
    "import '../native';",
    /only the tensor layer may import native\.ts/,
  ],
  [
    'only native loads node-gyp-build',
    'ts/a.ts',
    "import build from 'node-gyp-build';",
    /only ts\/native\.ts may import node-gyp-build/,
  ],
  [
    'only native loads a binary',
    'ts/io/a.ts',
    "require('../../build/Release/hebb.node');",
    /only ts\/native\.ts may load/,
  ],
  [
    'only native calls dlopen',
    'ts/io/a.ts',
    'process.dlopen(module, file);',
    /only ts\/native\.ts may load the addon/,
  ],
  ['nobody imports the index', 'ts/nn/a.ts', "import '../index';", /nn may not import index/],
  [
    'no undeclared package',
    'ts/io/a.ts',
    "import sharp from 'sharp';",
    /sharp is no dependency in package\.json/,
  ],
  ['no bare built-in', 'ts/io/a.ts', "import fs from 'fs';", /a built-in is written node:fs/],
  ['a room of ts without a row', 'ts/helpers/a.ts', "import '../tensor';", /room helpers has no row/],
  [
    'errors import nothing',
    'ts/errors.ts',
    "import './tensor';",
    /errors may not import tensor; allowed: errors -> nothing/,
  ],
];

// All in one tree, each under a name of its own, so that the script starts once.
const named = wrong.map(([what, file, line, message], index): [string, string, string, RegExp] => {
  const unique = file.replace(/\/a\.(\w+)$/, `/a${index}.$1`);
  return [what, unique, line, message];
});
let found: ScriptResult;
beforeAll(() => {
  found = check(Object.fromEntries(named.map(([, file, line]) => [file, `// 'nothing'\n${line}\n`])));
});

test.each(named)('%s', (_, file, _line, message) => {
  const about = found.output.split('\n').filter(text => text.startsWith(`${file}:2: `));
  expect(about).toEqual([expect.stringMatching(message)]);
});

test('each wrong file is found once and nothing else', () => {
  const files = new Set([...Object.keys(clean), ...named.map(([, file]) => file)]);
  files.delete('package.json');
  expect(found.output).toContain(`rooms: ${files.size} files, ${wrong.length} wrong\n`);
  expect(found.code).toBe(1);
});

test('imports in comments do not count', () => {
  expect(
    check({ 'ts/nn/a.ts': "/** import { fit } from '../train/fit'; */\nexport const a = 1;\n" }).code,
  ).toBe(0);
});

test('an empty tree is an error', () => {
  const { code, output } = withTree({ 'ts/a.ts': '' }, folder =>
    runScript('check-rooms.mjs', ['--root', folder]),
  );
  expect(output).toContain('csrc: no source file in it');
  expect(code).toBe(1);
});
