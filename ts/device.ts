// Where tensors live and ops compute.
import { DeviceError, ValueError } from './errors';
import { native } from './native';
import type { Device } from './native';

export type { Device } from './native';

/**
 * Chooses the device of what is made from here on: tensors, states and models follow it, ops follow their operands. 'cuda'
 * throws DeviceError with the reason where there is no GPU to use; 'auto' then takes the CPU and says so in one line.
 * HEBB_DEVICE in the environment does the same when the package is loaded. Returns the device in use.
 *
 * @example
 * setDevice('cpu'); // 'cpu'
 */
export function setDevice(choice: Device | 'auto'): Device {
  if (choice !== 'auto') {
    native.setDevice(choice);
    return choice;
  }
  try {
    native.setDevice('cuda');
    return 'cuda';
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    native.setDevice('cpu');
    process.stderr.write(`hebb: ${error.message.slice(error.op.length + 2)}; using the CPU\n`);
    return 'cpu';
  }
}

/**
 * The device of what is made without operands.
 *
 * @example
 * device(); // 'cpu'
 */
export const device = (): Device => native.device();

/** Refuses what is no device. */
export function checkDevice(op: string, value: unknown): void {
  if (value === 'cpu' || value === 'cuda') return;
  throw new ValueError(op, `device must be 'cpu' or 'cuda', got ${String(value)}`);
}

const chosen = process.env['HEBB_DEVICE'];
if (chosen !== undefined && chosen !== '') {
  if (chosen !== 'auto') checkDevice('HEBB_DEVICE', chosen);
  setDevice(chosen as Device | 'auto');
}
