// The benchmarks of training steps run, and their results have the shape that what reads them expects.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = join(__dirname, '..', '..', 'bench', 'main.mjs');
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hebb-bench-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  readonly code: number | null;
  readonly output: string;
  readonly json: unknown;
}

/** Runs `bench NAME ... --json FILE`. */
function bench(...args: string[]): Promise<Result> {
  const file = join(folder, `${args[0] ?? ''}.json`);
  return new Promise(resolve => {
    const child = spawn(process.execPath, [program, ...args, '--json', file], { timeout: 240_000 });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    }
    child.on('close', code => {
      const json: unknown = code === 0 ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
      resolve({ code, output, json });
    });
  });
}

const number = expect.any(Number) as number;

interface Training {
  readonly machine: object;
  readonly workloads: { mode: string; hebbMs: number; peakMb: number; peakRssMb: number }[];
  readonly ratios: { ratio: number; ratioLow: number; ratioHigh: number; speedup: number }[];
}

test('train tells time, floor, memory and page faults of both modes, and their ratio', async () => {
  const settings = ['--only', 'mlp', '--pairs', '1', '--seconds', '0.05', '--peak', '493', '--threads', '1'];
  const { code, output, json } = await bench('train', ...settings);
  expect([code, output]).toEqual([0, expect.stringMatching(/mlp compiled \/ eager .*, equal losses/)]);
  const { machine, workloads, ratios } = json as Training;
  expect(machine).toMatchObject({ threads: 1, peakGflops: 493, peakSource: 'given', isa: expect.anything() });
  expect(workloads).toHaveLength(2);
  for (const each of workloads) {
    expect(each).toMatchObject({ name: 'mlp', hebbMs: number, floorMs: 0.26166, pageFaultsPerStep: number });
    expect(each.hebbMs).toBeGreaterThan(0.1);
    // Parameters and the two moments of Adam, at the least.
    expect(each.peakMb).toBeGreaterThan(3 * 0.94);
    expect(each.peakRssMb).toBeGreaterThan(each.peakMb);
  }
  expect(workloads.map(each => each.mode)).toEqual(['eager', 'compiled']);
  expect(ratios).toMatchObject([{ name: 'mlp', lossDifference: 0 }]);
  const [{ ratio, ratioLow, ratioHigh, speedup } = { ratio: 0, ratioLow: 0, ratioHigh: 0, speedup: 0 }] =
    ratios;
  expect(ratioLow).toBeLessThanOrEqual(ratio);
  expect(ratioHigh).toBeGreaterThanOrEqual(ratio);
  expect(ratio * speedup).toBeCloseTo(1, 3);
}, 60_000);

test('a name that is no workload is refused', async () => {
  const { code, output } = await bench('train', '--only', 'mlp,perceptron');
  expect([code, output]).toEqual([
    1,
    expect.stringContaining('perceptron: no such workload; use mlp, lenet'),
  ]);
});

const hasRivals = existsSync(join(__dirname, '..', '..', 'bench', '.venv', 'bin', 'python'));
const rivals = ['train', '--rivals', 'torch', '--only', 'mlp', '--threads', '1', '--peak', '246'] as const;

test(`train --rivals, ${hasRivals ? 'set up' : 'not set up'}`, async () => {
  const checked = await bench(...rivals, '--check');
  if (!hasRivals) {
    expect(checked).toMatchObject({ code: 1, output: expect.stringContaining('run npm run bench:setup') });
    return;
  }
  expect([checked.code, checked.output]).toEqual([0, expect.stringMatching(/torch eager +equal: 100 steps/)]);
  expect(checked.json).toMatchObject({
    checks: [{ settings: 'eager', equal: true }, { settings: 'tuned' }, { settings: 'compile' }],
    failed: [],
  });
  const { code, output, json } = await bench(...rivals, '--pairs', '1', '--seconds', '0.05');
  expect([code, output]).toEqual([0, expect.stringMatching(/against torch \w+; .*torch eager [\d.]+/s)]);
  const workload = { name: 'mlp', precision: 'f32', hebbMs: number, ratio: number, rivalPeakRssMb: number };
  expect(json).toMatchObject({ versions: { torch: expect.stringMatching(/^2\./) }, workloads: [workload] });
}, 300_000);

const operation = ['ops', '--only', 'gemm-64x64x64', '--threads', '1', '--peak', '246'] as const;

test(`ops, rivals ${hasRivals ? 'set up' : 'not set up'}`, async () => {
  const checked = await bench(...operation, '--check');
  if (!hasRivals) {
    expect(checked).toMatchObject({ code: 1, output: expect.stringContaining('run npm run bench:setup') });
    return;
  }
  expect([checked.code, checked.output]).toEqual([
    0,
    expect.stringMatching(/torch eager +equal: .* of 3 sums/),
  ]);
  const { code, output, json } = await bench(...operation, '--pairs', '1', '--seconds', '0.05');
  expect([code, output]).toEqual([0, expect.stringMatching(/against torch \w+; .*torch eager [\d.]+/s)]);
  const each = { name: 'gemm-64x64x64', hebbMs: number, floorMs: 0.0063938, ratio: number };
  expect(json).toMatchObject({ machine: { streamGBs: number }, workloads: [each], failed: [] });
}, 300_000);

interface Soak {
  readonly rssStartMb: number;
  readonly rssEndMb: number;
  readonly liveBytesStart: number;
  readonly liveBytesEnd: number;
}

test.each([
  ['steps', 200],
  ['cycles', 20],
])(
  'a soak of %s leaves nothing behind',
  async (kind, count) => {
    const { code, output, json } = await bench('soak', `--${kind}`, String(count));
    expect([code, output]).toEqual([0, expect.anything()]);
    expect(json).toMatchObject({ [kind]: count, eventLoopP99Ms: number, pageFaultsPerStep: number });
    const { rssStartMb, rssEndMb, liveBytesStart, liveBytesEnd } = json as Soak;
    expect(liveBytesEnd).toBe(liveBytesStart);
    expect(rssEndMb - rssStartMb).toBeLessThan(20);
  },
  60_000,
);

test('mainthread tells microseconds of a step', async () => {
  const { code, output, json } = await bench('mainthread', '--steps', '50', '--runs', '3');
  expect([code, output]).toEqual([0, expect.stringMatching(/works [\d.]+ us/)]);
  const { mainThreadUsPerStep, samples } = json as { mainThreadUsPerStep: number; samples: number[] };
  expect([...samples].sort((a, b) => a - b)[1]).toBe(mainThreadUsPerStep);
  expect(mainThreadUsPerStep).toBeGreaterThan(0);
}, 60_000);

test('fit-latency tells what a server does while a model trains', async () => {
  const { code, output, json } = await bench('fit-latency', '--model', 'lenet', '--seconds', '0.5');
  expect([code, output]).toEqual([0, expect.stringContaining('training')]);
  const phase = { eventLoopP99Ms: number, responses: number, responseP99Ms: number };
  expect(json).toMatchObject({ model: 'lenet', steps: number, idle: phase, training: phase });
}, 60_000);
