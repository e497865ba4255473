// npm start: from a fresh clone to a trained network. Installs and builds what is missing, gets the data, then runs `hebb train`
// with the options given; says what it does at each step.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { buildNative, buildTs } from './build.mjs';
import { installDependencies, missingDependency } from './dependencies.mjs';
import { isMain, root, run } from './process.mjs';
import { hasApt, installCommand, missingPackages } from './toolchain.mjs';

const dataPackage = 'dataset-fashion-mnist';
const dataFolder = '/usr/share/datasets/fashion-mnist';

function fail(message, output = '') {
  if (output) process.stderr.write(output);
  console.error(message);
  process.exit(1);
}

const isRoot = () => process.getuid?.() === 0;

async function aptInstall(packages) {
  const updated = await run('apt-get', ['update', '-qq']);
  if (updated.code !== 0) return updated;
  return run('apt-get', ['install', '-y', '-qq', ...packages], {
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  });
}

async function ensureDependencies() {
  const missing = missingDependency();
  if (!missing) return;
  console.log(`dependencies: npm ci (${missing} is missing)`);
  const { code, output } = await installDependencies();
  if (code !== 0) fail('start: npm ci failed; see above', output);
}

/** Whether an addon that loads is there; loaded in a child, so that a broken one cannot end this process. */
async function hasAddon() {
  const { code } = await run(process.execPath, ['-e', "require('node-gyp-build')(process.cwd())"]);
  return code === 0;
}

/** Whether the checkout has a prebuilt binary for this machine. */
function prebuilt() {
  const folder = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  return existsSync(folder) && readdirSync(folder).some(name => name.endsWith('.node'));
}

async function ensureToolchain(missing) {
  const command = installCommand(missing);
  if (!hasApt() || !isRoot()) fail(`start: ${missing.join(', ')} missing; run: ${command}`);
  console.log(`build tools: ${command}`);
  const { code, output } = await aptInstall(missing);
  if (code !== 0) fail(`start: ${missing.join(', ')} could not be installed; run: ${command}`, output);
}

async function ensureNative() {
  if (prebuilt() && (await hasAddon())) {
    console.log('native addon: the prebuilt binary of this checkout');
    return;
  }
  const missing = missingPackages();
  if (missing.length > 0) {
    if (await hasAddon()) {
      console.log(`native addon: as it was built before (${missing.join(', ')} missing)`);
      return;
    }
    await ensureToolchain(missing);
  }
  console.log('native addon: building (minutes the first time, nothing when up to date)');
  const started = performance.now();
  const { code, output } = await buildNative();
  if (code !== 0) fail('start: the native build failed; see above', output);
  console.log(`native addon: ready (${((performance.now() - started) / 1000).toFixed(0)} s)`);
}

function newest(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .reduce(
      (time, entry) =>
        Math.max(time, statSync(path.join(entry.parentPath ?? entry.path, entry.name)).mtimeMs),
      0,
    );
}

async function ensureTypeScript() {
  const built = path.join(root, 'dist/esm/index.mjs');
  if (existsSync(built) && statSync(built).mtimeMs > newest(path.join(root, 'ts'))) return;
  console.log('typescript: building');
  const { code, output } = await buildTs();
  if (code !== 0) fail('start: the TypeScript build failed; see above', output);
}

async function ensureData(args) {
  if (
    existsSync(dataFolder) ||
    args.some(arg => arg === '--data' || arg.startsWith('--data=') || arg === '--help')
  )
    return;
  if (!hasApt() || !isRoot()) return;
  console.log(`data: apt-get install ${dataPackage}`);
  const { code } = await aptInstall([dataPackage]);
  if (code !== 0) console.log(`data: ${dataPackage} could not be installed`);
}

/** Runs the trainer in this process, so that signals and the exit code are its own. */
function train(args) {
  const main = path.join(root, 'dist/cjs/cli/main.js');
  process.argv = [process.execPath, main, 'train', ...args];
  createRequire(import.meta.url)(main);
}

if (isMain(import.meta.url)) {
  const args = process.argv.slice(2);
  await ensureDependencies();
  await ensureNative();
  await ensureTypeScript();
  await ensureData(args);
  train(args);
}
