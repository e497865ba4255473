// Never disposes anything: the garbage collector must keep up, since external memory is accounted.
import { memory, ones } from '../../../ts';

async function main(): Promise<void> {
  let most = 0;
  for (let i = 0; i < 400; i++) {
    ones([500, 500]).add(i);
    most = Math.max(most, memory().liveBytes);
    if (i % 5 === 0) await new Promise(resolve => setImmediate(resolve));
  }
  process.stdout.write(`${most}`);
}

void main();
