// Values to the device and back, while it is far behind: prints what differs from what was sent.
import { add, compile, flush, setDevice, state, sum, tensor } from '../../../ts';

/** Elements of three and a half pieces of staging memory. */
const large = 3_670_016;

async function main(): Promise<void> {
  setDevice('cuda');
  const wrong: string[] = [];
  const sent = Float32Array.from({ length: large }, (_, i) => (i % 8191) - 4095);
  using x = tensor(sent);
  sent.fill(-1);
  const back = await x.read();
  for (let i = 0; i < large; ++i) {
    if (back[i] !== (i % 8191) - 4095) {
      wrong.push(`large: element ${i} is ${back[i]}`);
      break;
    }
  }
  // Reads that wait for the device while steps that change what they read follow.
  const count = state([0, 0, 0]);
  const step = compile(() => {
    count.assign(add(count, 1));
    return sum(count);
  });
  const values: Promise<ArrayLike<number | bigint>>[] = [];
  const sums: Promise<number>[] = [];
  for (let i = 0; i < 700; ++i) {
    values.push(count.read());
    using small = tensor([i, 2 * i]);
    values.push(small.read());
    const run = await step();
    sums.push(run.item().finally(() => run.dispose()));
  }
  for (let i = 0; i < 700; ++i) {
    const [held, small] = [await values[2 * i], await values[2 * i + 1]];
    if (held?.[2] !== i) wrong.push(`state before step ${i} is ${held?.[2]}`);
    if (small?.[1] !== 2 * i) wrong.push(`tensor ${i} is ${small?.[1]}`);
    if ((await sums[i]) !== 3 * (i + 1)) wrong.push(`sum of step ${i} is ${await sums[i]}`);
  }
  await flush();
  process.stdout.write(wrong.slice(0, 5).join('\n') || 'equal');
}

void main();
