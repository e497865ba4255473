// Progress, byte by byte, on a stream and a clock of the test's own.
import { ValueError } from '../../ts/errors';
import { formatDuration, formatValue, Progress } from '../../ts/train/progress';
import type { ProgressOptions } from '../../ts/train/progress';

class Screen {
  readonly writes: string[] = [];
  constructor(
    readonly isTTY: boolean,
    readonly columns?: number,
  ) {}
  write(text: string): boolean {
    this.writes.push(text);
    return true;
  }
}

function setUp(isTTY: boolean, columns?: number, options: Partial<ProgressOptions> = {}) {
  const screen = new Screen(isTTY, columns);
  const clock = { ms: 5000 };
  const progress = new Progress({
    epochs: 2,
    samples: 1000,
    stream: screen,
    now: () => clock.ms,
    color: false,
    ...options,
  });
  return { screen, clock, progress };
}

const shown = (text: string | undefined): string =>
  (text ?? '').replace(/^\r/, '').replace(/\x1b\[K\n?$/, '');

describe('on a terminal', () => {
  test('rewrites one line and leaves one per epoch', () => {
    const { screen, clock, progress } = setUp(true, 120);
    clock.ms += 500;
    progress.update(250, { loss: 1.5, accuracy: 0.25 });
    clock.ms += 1500;
    progress.endEpoch({ loss: 1.25, accuracy: 0.5 });
    clock.ms += 1000;
    progress.update(500, { loss: 0.00012 });
    clock.ms += 1000;
    progress.endEpoch({ loss: NaN });
    progress.close();
    expect(screen.writes).toEqual([
      '\repoch 1/2  ━━━━━━──────────────────   25 %  loss 1.5000  accuracy 0.2500  500 samples/s  ETA 3.5 s\x1b[K',
      '\repoch 1/2  2.0 s  loss 1.2500  accuracy 0.5000  500 samples/s\x1b[K\n',
      '\repoch 2/2  ━━━━━━━━━━━━────────────   50 %  loss 1.20e-4  500 samples/s  ETA 1.0 s\x1b[K',
      '\repoch 2/2  2.0 s  loss NaN  500 samples/s\x1b[K\n',
    ]);
  });

  test('writes ten times a second at most', () => {
    const { screen, clock, progress } = setUp(true, 100);
    for (let i = 0; i < 1000; i++) {
      progress.update(i);
      clock.ms += 1;
    }
    expect(screen.writes).toHaveLength(10);
    expect(shown(screen.writes[9])).toMatch(/^epoch 1\/2 {2}\S+ {3}90 %/);
  });

  test('never fills the last column, and drops the rate, then the ETA, then the values', () => {
    const seen = new Set<string>();
    for (let columns = 200; columns >= 1; columns--) {
      const { screen, clock, progress } = setUp(true, columns, { color: columns % 2 === 0 });
      clock.ms += 1000;
      progress.update(400, { loss: 0.5 });
      const line = shown(screen.writes[0]).replace(/\x1b\[\d+m/g, '');
      expect(line.length).toBeLessThan(columns);
      const has = (part: string): string => (line.includes(part) ? '1' : '0');
      if (columns > 20) seen.add(has('samples/s') + has('ETA') + has('loss'));
    }
    expect([...seen]).toEqual(['111', '011', '001', '000']);
  });

  test('takes 80 columns where the stream does not say', () => {
    for (const columns of [undefined, 0]) {
      const { screen, progress } = setUp(true, columns);
      progress.update(100, { loss: 1, accuracy: 0.5 });
      expect(shown(screen.writes[0]).length).toBeLessThan(80);
      expect(shown(screen.writes[0]).length).toBeGreaterThan(60);
    }
  });

  test('close() ends an open line once, and then nothing is written', () => {
    const { screen, clock, progress } = setUp(true);
    progress.update(10);
    progress.close();
    progress.close();
    clock.ms += 1000;
    progress.update(20);
    progress.endEpoch();
    expect(screen.writes).toHaveLength(2);
    expect(screen.writes[1]).toBe('\n');
    const idle = setUp(true);
    idle.progress.close();
    expect(idle.screen.writes).toEqual([]);
  });

  test('colours when asked, or when nothing speaks against it', () => {
    const draw = (options: Partial<ProgressOptions>, isTTY = true): string => {
      const screen = new Screen(isTTY, 100);
      const progress = new Progress({
        epochs: 1,
        samples: 2,
        stream: screen,
        now: () => 0,
        every: 0,
        ...options,
      });
      progress.update(1);
      return screen.writes.join('');
    };
    const saved = { ...process.env };
    try {
      process.env['TERM'] = 'xterm';
      delete process.env['NO_COLOR'];
      expect(draw({})).toBe(
        '\r\x1b[1mepoch 1/1\x1b[22m  \x1b[32m━━━━━━━━━━━━────────────\x1b[39m   50 %  \x1b[2mETA 0.0 s\x1b[22m\x1b[K',
      );
      expect(draw({}, false)).toBe('epoch 1/1   50 %  ETA 0.0 s\n');
      process.env['NO_COLOR'] = '1';
      expect(draw({})).not.toContain('\x1b[3');
      expect(draw({ color: true })).toContain('\x1b[32m');
      process.env['NO_COLOR'] = '';
      expect(draw({})).toContain('\x1b[32m');
      process.env['TERM'] = 'dumb';
      expect(draw({})).not.toContain('\x1b[3');
    } finally {
      process.env = saved;
    }
  });
});

describe('elsewhere', () => {
  test('writes a line per epoch and one per pause, with no control characters', () => {
    const { screen, clock, progress } = setUp(false, undefined, { every: 5 });
    for (let done = 100; done <= 1000; done += 100) {
      clock.ms += 1100;
      progress.update(done, { loss: 2 });
    }
    progress.endEpoch({ loss: 1 });
    clock.ms += 4999;
    progress.update(500);
    progress.close();
    expect(screen.writes).toEqual([
      'epoch 1/2   50 %  loss 2.0000  91 samples/s  ETA 16.5 s\n',
      'epoch 1/2  100 %  loss 2.0000  91 samples/s  ETA 11.0 s\n',
      'epoch 1/2  11.0 s  loss 1.0000  91 samples/s\n',
    ]);
  });

  test('groups thousands and aligns epoch numbers', () => {
    const { screen, clock, progress } = setUp(false, undefined, { epochs: 10, samples: 60000 });
    clock.ms += 1000;
    progress.endEpoch({ loss: 123456 });
    clock.ms += 7_200_000;
    progress.endEpoch();
    expect(screen.writes).toEqual([
      'epoch  1/10  1.0 s  loss 1.23e+5  60,000 samples/s\n',
      'epoch  2/10  2:00:00  8.3 samples/s\n',
    ]);
  });

  test('an epoch of nothing or in no time still reads well', () => {
    const { screen, progress } = setUp(false, undefined, { samples: 0, every: 0 });
    progress.update(0);
    progress.endEpoch();
    expect(screen.writes).toEqual(['epoch 1/2  100 %\n', 'epoch 1/2  0.0 s\n']);
  });
});

test('numbers and times', () => {
  expect([0, 1, -0.5, 0.001, 0.00099, 99999, 1e5, NaN, -Infinity].map(formatValue)).toEqual([
    '0.0000',
    '1.0000',
    '-0.5000',
    '0.0010',
    '9.90e-4',
    '99999.0000',
    '1.00e+5',
    'NaN',
    '-Infinity',
  ]);
  expect([0, 59.94, 59.96, 125, 3599.6, 3725].map(formatDuration)).toEqual([
    '0.0 s',
    '59.9 s',
    '1:00',
    '2:05',
    '1:00:00',
    '1:02:05',
  ]);
});

test('refuses sizes that are no counts', () => {
  expect(() => new Progress({ epochs: NaN, samples: 1 })).toThrow(ValueError);
  expect(() => new Progress({ epochs: NaN, samples: 1 })).toThrow(
    'Progress: epochs is NaN; use an integer of 0 and more',
  );
  expect(() => new Progress({ epochs: 1, samples: -1 })).toThrow('Progress: samples is -1');
  expect(() => new Progress({ epochs: 1, samples: 1, every: NaN })).toThrow('Progress: every is NaN');
});
