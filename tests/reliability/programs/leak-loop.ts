// Trains for `argv[2]` steps with a hand-written loop and reports how memory grew after the first tenth.
import { crossEntropy, linear, matmul, memory, flush, scope, sgdStep, state, tensor } from '../../../ts';

const steps = Number(process.argv[2] ?? 2000);
const noise = (size: number, scale: number): Float32Array =>
  Float32Array.from({ length: size }, (_, i) => scale * Math.sin(i * 12.9898));
const w1 = state(noise(64 * 32, 0.2), { shape: [64, 32], requiresGrad: true });
const w2 = state(noise(32 * 10, 0.2), { shape: [10, 32], requiresGrad: true });
const lr = state(0.05);

function step(i: number): void {
  scope(() => {
    const batch = i % 7 === 0 ? 13 : 32;
    const x = tensor(noise(batch * 64, 1), { shape: [batch, 64] });
    const target = tensor(Int32Array.from({ length: batch }, (_, k) => k % 10));
    const loss = crossEntropy(linear(matmul(x, w1).relu(), w2), target);
    loss.backward();
    const params = [w1, w2];
    sgdStep(
      params,
      [],
      [],
      params.flatMap(p => p.grad ?? []),
      lr,
    );
    params.forEach(p => (p.grad = undefined));
  });
}

async function main(): Promise<void> {
  const figures: { rss: number; liveBytes: number; liveTensors: number }[] = [];
  for (let i = 0; i <= steps; i++) {
    step(i);
    // Even gaps: a turn of the event loop lets finalizers run.
    if (i % 10 === 0) await flush();
    if (i === Math.floor(steps / 10) || i === steps) {
      await flush();
      globalThis.gc?.();
      const { liveBytes, liveTensors } = memory();
      figures.push({ rss: process.memoryUsage.rss(), liveBytes, liveTensors });
    }
  }
  process.stdout.write(JSON.stringify(figures));
}

void main();
