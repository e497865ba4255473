// Wild calls of all that is exported: every failure typed, nothing crashes, hangs, leaks or changes under anyone's hands.
// The long run is `npm run bench -- fuzz`.
import { runProgram } from './run-program';

test.each([1, 2])(
  '4,000 wild calls, seed %i',
  async seed => {
    const { code, signal, stdout, stderr } = await runProgram('fuzz', {
      args: [String(seed), '4000'],
      limit: 60_000,
      node: ['--expose-gc'],
    });
    expect([stderr.replace(/\(node:\d+\) .*\n/g, ''), signal, code]).toEqual(['', null, 0]);
    const report = JSON.parse(stdout) as { made: number; outcomes: Record<string, number> };
    expect(report.made).toBe(4000);
    expect(report.outcomes['ok']).toBeGreaterThan(1000);
  },
  70_000,
);
