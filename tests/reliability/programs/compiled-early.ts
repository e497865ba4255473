// Leaves, fails or ends in the middle of compiled steps, in the way the first argument says.
import { compile, crossEntropy, flush, matmul, ones, randint, scope, state } from '../../../ts';
import type { Tensor } from '../../../ts';

const w = state(ones([500, 500]), { requiresGrad: true });
const step = compile((x: Tensor) => {
  let y = matmul(x, w);
  for (let i = 0; i < 10; i++) y = matmul(y, w).mul(1 / 500);
  y.sum().backward();
  w.grad = undefined;
  return y;
});
const x = ones([500, 500]);

const ways: Readonly<Record<string, () => Promise<void> | void>> = {
  exit: async () => {
    await step(x);
    void step(x);
    process.exit(7);
  },
  throw: () => {
    void step(x);
    void step(x);
    throw new RangeError('mine');
  },
  reject: async () => {
    await step(x);
    await Promise.reject(new RangeError('mine'));
  },
  'exit-while-recording': () => {
    void compile((y: Tensor) => {
      y.add(1);
      process.exit(9);
    })(x);
  },
  'exit-in-continuation': async () => {
    const y = await step(x);
    void step(x);
    await y.read();
    process.exit(11);
  },
  // Recorded values used, disposed and read in every wrong way; then a good step.
  misuse: async () => {
    const kept: Tensor[] = [];
    const odd = compile((y: Tensor) => {
      const z = scope(() => y.add(1));
      kept.push(y, z);
      y.dispose();
      return z;
    });
    for (let i = 0; i < 3; i++) await odd(x);
    for (const tensor of kept) {
      try {
        tensor.readSync();
      } catch {
        tensor.dispose();
      }
    }
    const bad = compile((ids: Tensor) => crossEntropy(ones([4, 3]), ids));
    for (let i = 0; i < 5; i++) {
      try {
        await bad(randint(5, 9, [4]));
      } catch {
        step.dispose();
      }
    }
    // The failure of the last bad step, which nobody has read.
    await flush().catch(() => undefined);
    const y = await step(x);
    process.stdout.write(`${(await y.read())[0]}\n`);
    process.exit(13);
  },
};
void ways[process.argv[2] ?? '']?.();
