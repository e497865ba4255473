// Schedules at the steps that decide their shape.
import { optim, ValueError } from 'hebb';

test('stepDecay multiplies every so many steps', () => {
  const schedule = optim.stepDecay({ lr: 1, every: 10, factor: 0.5 });
  expect([0, 9, 10, 25].map(schedule)).toEqual([1, 1, 0.5, 0.25]);
  expect(optim.stepDecay({ lr: 1, every: 1 })(2)).toBeCloseTo(0.01, 12);
  expect(() => optim.stepDecay({ lr: 1, every: 0 })).toThrow(
    new ValueError('stepDecay', 'every must be an integer of 1 or more, got 0'),
  );
});

test('cosineDecay warms up, falls and stays', () => {
  const schedule = optim.cosineDecay({ lr: 2, steps: 104, warmup: 4, final: 1 });
  expect([0, 1, 3, 4, 104, 500].map(schedule)).toEqual([0.5, 1, 2, 2, 1, 1]);
  expect(schedule(54)).toBeCloseTo(1.5, 12);
  expect(() => optim.cosineDecay({ lr: 1, steps: 5, warmup: 5 })).toThrow(
    new ValueError('cosineDecay', 'warmup 5 must be below steps 5'),
  );
  expect(() => optim.cosineDecay({ lr: NaN, steps: 5 })).toThrow(
    /^cosineDecay: lr must be a finite number of 0 or more, got NaN$/,
  );
});
