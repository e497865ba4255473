'use strict';

// Lets a plain Node process or worker require the TypeScript sources, `hebb` being these: `node --require this-file program.ts`.
const { readFileSync } = require('node:fs');
const Module = require('node:module');
const path = require('node:path');
const { transformSync } = require('@swc/core');

const sources = path.join(__dirname, '../../ts/index.ts');
const resolve = Module._resolveFilename;
Module._resolveFilename = (request, ...rest) => (request === 'hebb' ? sources : resolve(request, ...rest));

Module._extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), {
    filename,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'commonjs' },
    sourceMaps: 'inline',
    configFile: false,
    swcrc: false,
  });
  module._compile(code, filename);
};
