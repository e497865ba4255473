// What setDevice does on this machine: prints the device, or the error.
import { setDevice, tensor } from '../../../ts';
import type { Device } from '../../../ts';

async function main(): Promise<void> {
  try {
    const used = setDevice(process.argv[2] as Device | 'auto');
    using x = tensor([1, 2, 3]).mul(2);
    process.stdout.write(`${used} ${x.device} ${(await x.read()).join()}`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stdout.write(`${error.name}: ${error.message}`);
  }
}

void main();
