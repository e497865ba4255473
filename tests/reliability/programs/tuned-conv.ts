// Prints the digest of a compiled convolution that Winograd's tiles take; its choices come from the table that the first
// argument names, if any.
import { createHash } from 'node:crypto';
import { compile, conv2d, normal, seed, setThreads } from '../../../ts';
import type { Tensor } from '../../../ts';

setThreads(1);
seed(11);
const [x, weight] = [normal([8, 8, 8, 32]), normal([32, 3, 3, 32])];
const [tuned] = process.argv.slice(2);
const step = compile(
  (images: Tensor) => conv2d(images, weight, undefined, { padding: 1 }),
  tuned === undefined ? {} : { tuned },
);

async function main(): Promise<void> {
  const values = (await (await step(x)).read()) as Float32Array;
  console.log(createHash('sha256').update(values).digest('hex'));
}
void main();
