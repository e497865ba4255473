// Memory over many steps: equal live bytes, flat resident size.
import { runProgram } from './run-program';

test('2,000 eager steps in scopes leave nothing behind', async () => {
  const { code, stdout, stderr } = await runProgram('leak-loop', {
    args: ['2000'],
    limit: 60_000,
    // V8 sizes its young generation by the survivors it has seen: held, so that what grows is ours.
    node: ['--expose-gc', '--max-semi-space-size=1'],
  });
  expect([code, stderr]).toEqual([0, '']);
  const [early, late] = JSON.parse(stdout) as { rss: number; liveBytes: number; liveTensors: number }[];
  expect(late?.liveBytes).toBe(early?.liveBytes);
  expect(late?.liveTensors).toBe(early?.liveTensors);
  expect((late?.rss ?? Infinity) - (early?.rss ?? 0)).toBeLessThan(2 * 2 ** 20);
}, 70_000);

test('tensors that nobody disposes are collected', async () => {
  const { code, stdout } = await runProgram('abandoned');
  expect(code).toBe(0);
  // All of them together would take 400 MB.
  expect(Number(stdout)).toBeLessThan(300 * 2 ** 20);
  expect(Number(stdout)).toBeGreaterThan(0);
});
