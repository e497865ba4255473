// Writes dist/esm: every export of the CommonJS build under its own name, so that both worlds share one set of classes.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { root } from './process.mjs';

const require = createRequire(import.meta.url);
const names = Object.keys(require(path.join(root, 'dist/cjs/index.js'))).filter(
  name => name !== '__esModule',
);
const foreign = names.find(name => !/^[A-Za-z_$][\w$]*$/.test(name) || name === 'default');
if (foreign) throw new Error(`esm-facade: "${foreign}" cannot be a named export; rename it in ts/index.ts`);

// Through a local name: `var` may be exported, but not declared.
const lines = names.sort().map(name => `const $${name} = hebb.${name};\nexport { $${name} as ${name} };`);
mkdirSync(path.join(root, 'dist/esm'), { recursive: true });
writeFileSync(
  path.join(root, 'dist/esm/index.mjs'),
  `// The ES module face of the CommonJS build, generated from its exports.\nimport hebb from '../cjs/index.js';\n\n${lines.join('\n')}\n`,
);
writeFileSync(path.join(root, 'dist/esm/index.d.mts'), `export * from '../cjs/index.js';\n`);
