// Packs the package with its prebuilt binary, installs the tarball into an empty folder with scripts disabled and trains
// there, from ESM and from CommonJS. HEBB_CUDA=ON in the environment packs the CUDA library too. `--keep` leaves the folder for
// a look.
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildTs } from './build.mjs';
import { prebuild } from './prebuild.mjs';
import { root, run, runTool } from './process.mjs';

const allowedLibraries =
  /^(libstdc\+\+\.so\.6|libgcc_s\.so\.1|libm\.so\.6|libc\.so\.6|libpthread\.so\.0|libdl\.so\.2|ld-linux-[\w-]+\.so\.\d)$/;
const glibcFloor = [2, 36];
const maxPackedBytes = 60e6;
const needed = ['package.json', 'LICENSE', 'README.md', 'dist/cjs/index.js', 'dist/cjs/index.d.ts'].concat([
  'dist/cjs/cli/main.js',
  'dist/esm/index.mjs',
  'dist/esm/index.d.mts',
]);
const folder = mkdtempSync(path.join(tmpdir(), 'hebb-pack-'));
const packed = { binaries: [], tarball: '' };

function fail(output) {
  return { code: 1, output: `${output}\n` };
}

/** The highest version of `family` in the output of readelf, as numbers; [] for none. */
function highest(text, family) {
  const versions = [...text.matchAll(new RegExp(`\\b${family}_(\\d+(?:\\.\\d+)*)`, 'g'))].map(match =>
    match[1].split('.').map(Number),
  );
  const compare = (a, b) => a[0] - b[0] || (a[1] ?? 0) - (b[1] ?? 0) || (a[2] ?? 0) - (b[2] ?? 0);
  return versions.sort(compare).at(-1) ?? [];
}

async function buildBinary() {
  const result = await prebuild();
  packed.binaries = result.files ?? [];
  return result;
}

async function checkBinary(binary) {
  const dynamic = await run('readelf', ['--dynamic', '--version-info', '--wide', binary]);
  if (dynamic.code !== 0) return dynamic;
  const libraries = [...dynamic.output.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(match => match[1]);
  const foreign = libraries.filter(name => !allowedLibraries.test(name));
  if (foreign.length > 0) return fail(`${binary} needs ${foreign.join(', ')}; allowed: ${allowedLibraries}`);
  const glibc = highest(dynamic.output, 'GLIBC');
  if (glibc[0] !== glibcFloor[0] || glibc[1] > glibcFloor[1]) {
    return fail(`${binary} needs GLIBC ${glibc.join('.')}; at most ${glibcFloor.join('.')}`);
  }
  const glibcxx = highest(dynamic.output, 'GLIBCXX').join('.');
  const needs = `GLIBC >= ${glibc.join('.')}, GLIBCXX >= ${glibcxx}, ${libraries.join(' ')}`;
  return { code: 0, output: `${path.basename(binary)}: ${needs}\n` };
}

async function checkBinaries() {
  let output = '';
  for (const binary of packed.binaries) {
    const result = await checkBinary(binary);
    if (result.code !== 0) return result;
    output += result.output;
  }
  return { code: 0, output };
}

async function pack() {
  const result = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  if (result.code !== 0) return result;
  const [report] = JSON.parse(result.output.slice(result.output.indexOf('[\n')));
  packed.tarball = path.join(folder, report.filename);
  const names = report.files.map(file => file.path);
  const missing = [...needed, ...packed.binaries].filter(name => !names.includes(name));
  if (missing.length > 0) return fail(`the tarball lacks ${missing.join(', ')}`);
  const stray = names.filter(name => !needed.includes(name) && !/^(dist|prebuilds)\//.test(name));
  if (stray.length > 0)
    return fail(`the tarball holds ${stray.join(', ')}; only dist and prebuilds belong in it`);
  if (report.size > maxPackedBytes)
    return fail(`the tarball has ${report.size} bytes; at most ${maxPackedBytes}`);
  const megabytes = bytes => (bytes / 1e6).toFixed(1);
  const sizes = `${megabytes(report.size)} MB packed, ${megabytes(report.unpackedSize)} MB unpacked`;
  return { code: 0, output: `${names.length} files, ${sizes}\n` };
}

async function install() {
  writeFileSync(
    path.join(folder, 'package.json'),
    '{ "name": "consumer", "version": "1.0.0", "private": true }\n',
  );
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', packed.tarball];
  const result = await run('npm', args, { cwd: folder });
  if (result.code !== 0) return result;
  const manifest = JSON.parse(readFileSync(path.join(folder, 'node_modules/hebb/package.json'), 'utf8'));
  const scripts = Object.keys(manifest.scripts ?? {}).filter(name =>
    /^(pre|post)?install$|^prepare$/.test(name),
  );
  return scripts.length > 0 ? fail(`the package has install scripts: ${scripts.join(', ')}`) : result;
}

/** A consumer's view of the types, as an ES module and as CommonJS, with declaration files checked too. */
async function checkTypes() {
  const source = "import { Tensor, nn, optim } from 'hebb';\nexport const model = new nn.Linear(2, 3);\n";
  const use =
    'export const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });\nexport type T = Tensor;\n';
  for (const ending of ['mts', 'cts']) writeFileSync(path.join(folder, `consumer.${ending}`), source + use);
  const roots = path.join(root, 'node_modules/@types');
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022'];
  const lib = ['--lib', 'es2023,esnext.disposable', '--types', 'node', '--typeRoots', roots];
  return runTool('tsc', [...options, ...lib, 'consumer.mts', 'consumer.cts'], { cwd: folder });
}

async function runInstalled(file) {
  copyFileSync(path.join(root, 'scripts/pack-test', file), path.join(folder, file));
  // A build folder beside the package would hide a missing prebuilt binary.
  return run(process.execPath, [file], { cwd: folder, env: { PREBUILDS_ONLY: '1' } });
}

const steps = [
  ['prebuilt binary', buildBinary],
  ['typescript build', buildTs],
  ['libraries and GLIBC', checkBinaries],
  ['npm pack', pack],
  ['publint', () => runTool('publint', ['run', packed.tarball, '--strict'])],
  ['attw', () => runTool('attw', [packed.tarball])],
  ['npm install', install],
  ['types', checkTypes],
  ['train (esm)', () => runInstalled('train.mjs')],
  ['train (commonjs)', () => runInstalled('train.cjs')],
  ['device', () => runInstalled('device.cjs')],
];
const shown = ['libraries and GLIBC', 'npm pack', 'train (esm)', 'train (commonjs)', 'device'];

async function main() {
  let passed = 0;
  for (const [name, step] of steps) {
    const start = Date.now();
    const { code, output } = await step();
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`-- ${name}: ${code === 0 ? 'ok' : 'FAILED'} in ${seconds} s`);
    if (code !== 0 || shown.includes(name)) console.log(output.trimEnd().replace(/^/gm, '   '));
    if (code !== 0) return { passed, failed: 1 };
    ++passed;
  }
  return { passed, failed: 0 };
}

const { passed, failed } = await main();
if (process.argv.includes('--keep')) console.log(`left in ${folder}`);
else rmSync(folder, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
