// The statistics of the benchmarks, on samples whose answers are known.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const file = join(__dirname, '..', '..', 'bench', 'training', 'statistics.mjs');

/** The value of an expression over the exports; a module that Jest does not transform. */
function evaluate(expression: string): unknown {
  const program = `import * as s from ${JSON.stringify(file)}; console.log(JSON.stringify(${expression}))`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  expect(stderr.toString()).toBe('');
  return JSON.parse(stdout.toString());
}

test('quantiles lie between neighbours', () => {
  expect(evaluate('[s.median([3, 1, 2]), s.median([4, 1, 2, 3]), s.quantile([0, 10, 20], 0.1)]')).toEqual([
    2, 2.5, 2,
  ]);
});

test('the interval of a median covers it and is that of the order statistics', () => {
  // Of 21 values the 95 % interval of the median is that of the 6th and the 16th, about.
  const [low, high] = evaluate('s.medianInterval(Array.from({ length: 21 }, (_, i) => i))') as number[];
  expect(low).toBeGreaterThanOrEqual(4);
  expect(low).toBeLessThanOrEqual(7);
  expect(high).toBeGreaterThanOrEqual(13);
  expect(high).toBeLessThanOrEqual(16);
  expect(evaluate('s.medianInterval([2, 2, 2])')).toEqual([2, 2]);
});
