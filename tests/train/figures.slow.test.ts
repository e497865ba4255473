// The bounds on memory and on the event loop while training, measured by the benchmarks of the same names.
import { readFile, mkdtemp, rm } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const bench = join(__dirname, '..', '..', 'bench', 'main.mjs');

interface Result {
  readonly kind: string;
  readonly steps: number;
}

async function measure<T extends Result>(name: string): Promise<[code: number | null, results: T[]]> {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-figures-'));
  try {
    const file = join(folder, 'figures.json');
    const code = await new Promise<number | null>(resolve => {
      spawn(process.execPath, [bench, name, '--json', file], { stdio: 'ignore' }).on('close', resolve);
    });
    return [code, (JSON.parse(await readFile(file, 'utf8')) as { results: T[] }).results];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('2,000 steps: resident memory after step 200 grows by at most 2 MB, live bytes not at all', async () => {
  const [code, results] = await measure<Result & { rssGrowth: number; liveGrowth: number }>('memory');
  expect(results.map(({ kind, steps, liveGrowth }) => [kind, steps, liveGrowth])).toEqual([
    ['fit', 2000, 0],
    ['eager', 2000, 0],
  ]);
  for (const { rssGrowth } of results) expect(rssGrowth).toBeLessThanOrEqual(2e6);
  expect(code).toBe(0);
}, 180_000);

test('the event loop is at most 10 ms late, 99 times of 100', async () => {
  const [code, results] = await measure<Result & { p99: number }>('events');
  expect(results.map(({ kind }) => kind)).toEqual(['fit', 'eager']);
  for (const { p99 } of results) expect(p99).toBeLessThan(10);
  expect(code).toBe(0);
}, 180_000);
