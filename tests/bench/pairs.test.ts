// How the windows of two sides take turns, and how processes that are compared are spoken to.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const bench = join(__dirname, '..', '..', 'bench');

/** What an asynchronous function body returns, with everything of a module as `m`; Jest does not transform it. */
function evaluate(module: string, body: string): unknown {
  const program = `
    import * as m from ${JSON.stringify(join(bench, module))};
    console.log(JSON.stringify(await (async () => { ${body} })()));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  expect(stderr.toString()).toBe('');
  return JSON.parse(stdout.toString());
}

test('windows alternate as A B B A, and each pair has both times', () => {
  const found = evaluate(
    'training/pairs.mjs',
    `const calls = [];
    const side = (name, ms) => ({ window: async seconds => (calls.push([name, seconds]), { ms }) });
    const pairs = await m.takePairs({ a: side('a', 1), b: side('b', 2) }, { seconds: 0.25, pairs: 4, settleMs: 0 });
    return { calls, pairs };`,
  );
  const { calls, pairs } = found as { calls: [string, number][]; pairs: object[] };
  expect(
    calls
      .slice(0, 8)
      .map(([name]) => name)
      .join(''),
  ).toBe('abbaabba');
  expect(calls.every(([, seconds]) => seconds === 0.25)).toBe(true);
  expect(pairs.length).toBeGreaterThanOrEqual(4);
  for (const pair of pairs) expect(pair).toEqual({ a: 1, b: 2, quiet: expect.any(Boolean) as boolean });
});

test('what a side used of the processors in a process of its own is not taken for that of others', () => {
  const shares = evaluate(
    'training/process-figures.mjs',
    `const before = m.processorMs();
    // As if all had been busy for a second, 400 ms of it with a child.
    before.busy -= 1000;
    return [0, 400, 1000].map(children => m.foreignShare(before, 1000, 1, children));`,
  ) as number[];
  const [all, most, none] = shares as [number, number, number];
  expect(all).toBeGreaterThan(0.95);
  expect(most).toBeCloseTo(all - 0.4, 1);
  expect(none).toBeLessThan(0.1);
});

test('pairs are spread over processes, and noisy ones count only where there are too few others', () => {
  const found = evaluate(
    'training/pairs.mjs',
    `const taken = [true, true, false, true].map((quiet, i) => ({ i, quiet }));
    const indices = ({ used, noisy }) => [used.map(each => each.i), noisy];
    return [[0, 1, 2].map(i => m.shareOf(20, 3, i)), indices(m.counted(taken, 6)), indices(m.counted(taken, 8))];`,
  );
  expect(found).toEqual([
    [6, 7, 7],
    [[0, 1, 3], false],
    [[0, 1, 2, 3], true],
  ]);
});

test('a worker answers commands, and says why it ended', () => {
  const echo = `
    const lines = require('node:readline').createInterface({ input: process.stdin });
    lines.on('line', line => {
      const command = JSON.parse(line);
      if (command.do === 'fail') { console.error('out of luck'); process.exit(3); }
      console.log(JSON.stringify({ ...command, seen: true }));
    });`;
  const found = evaluate(
    'rivals/worker.mjs',
    `const start = () => new m.Worker('echo', process.execPath, ['--eval', ${JSON.stringify(echo)}], {});
    const [answering, failing] = [start(), start()];
    const answers = [await answering.window(0.5), await answering.ask('losses', { steps: 3 })];
    await answering.close();
    const failure = await failing.ask('fail').catch(error => error.message);
    const missing = await new m.Worker('none', '/no/such/program', [], {}).ask('window').catch(error => error.message);
    return { answers, failure, missing };`,
  );
  expect(found).toEqual({
    answers: [
      { do: 'window', seconds: 0.5, seen: true },
      { do: 'losses', steps: 3, seen: true },
    ],
    failure: 'echo: ended during fail: out of luck',
    missing: expect.stringMatching(/^none: ended during window: .*ENOENT/) as string,
  });
});
