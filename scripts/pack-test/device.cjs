'use strict';

// Devices of the installed package: 'cuda' works or throws a typed error with its reason, 'auto' always works; the CUDA
// library, where the package has it, has all it needs.
const { readdirSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { DeviceError, matmul, setDevice, tensor } = require('hebb');

/** What Node says of a shared library that loads and is no addon. */
const loads = /did not self-register/;

function checkLibrary() {
  const root = path.dirname(require.resolve('hebb/package.json'));
  const folder = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
  const name = readdirSync(folder).find(file => file.endsWith('.so'));
  if (name === undefined) return 'no CUDA library';
  try {
    process.dlopen({ exports: {} }, path.join(folder, name), os.constants.dlopen.RTLD_NOW);
  } catch (error) {
    if (!loads.test(error.message)) throw error;
  }
  return `${name} loads`;
}

function askForCuda() {
  try {
    return setDevice('cuda');
  } catch (error) {
    if (!(error instanceof DeviceError) || !error.message.includes('no GPU: ')) throw error;
    return `${error.name}: ${error.message}`;
  }
}

async function main() {
  console.log(checkLibrary());
  console.log(askForCuda());
  const device = setDevice('auto');
  const a = tensor([
    [1, 2],
    [3, 4],
  ]);
  const product = await matmul(a, a).read();
  if (product.join() !== '7,10,15,22')
    throw new Error(`device: the product on ${device} is ${product.join()}`);
  console.log(`auto: ${device}`);
}

main();
