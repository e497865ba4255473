// Whole models: twenty compiled steps against twenty eager ones, on one thread and on two.
import { compile } from 'hebb';
import { seed } from '../../ts/random';
import { setThreads, threads } from '../../ts/runtime';
import { scope } from '../../ts/scope';
import { models } from './models';
import type { Training } from './models';

interface Trace {
  readonly losses: readonly number[];
  readonly states: readonly (readonly number[])[];
  readonly recordings: number;
}

async function train(make: () => Training, how: 'eager' | 'compiled' | 'plain', steps = 20): Promise<Trace> {
  seed(21);
  const { models: parts, inputs, step } = make();
  seed(22);
  const compiled = compile(step, { optimise: how === 'compiled' });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const values = how === 'eager' ? scope(() => step(...inputs)) : await compiled(...inputs);
    for (const value of values) losses.push(await value.item());
  }
  const cells = parts.flatMap(part => part.namedStates().map(([, cell]) => cell));
  const states = await Promise.all(
    cells.map(async cell => Array.from((await cell.read()) as Float32Array, Number)),
  );
  const { recordings } = compiled;
  compiled.dispose();
  return { losses, states, recordings };
}

const usual = threads();
afterEach(() => setThreads(usual));

// No pass changes a bit, so nothing less than equality will do.
describe.each(Object.entries(models))('%s', (_, make) => {
  test('compiled steps give the losses and the states of eager ones, bit for bit', async () => {
    const eager = await train(make, 'eager');
    expect(eager.losses.every(Number.isFinite)).toBe(true);
    expect(eager.losses.at(-1)).not.toBe(eager.losses[0]);
    const compiled = await train(make, 'compiled');
    expect(compiled.losses).toEqual(eager.losses);
    expect(compiled.states).toEqual(eager.states);
    expect(compiled.recordings).toBe(1);
    const plain = await train(make, 'plain');
    expect(plain).toEqual(compiled);
  });

  test('the same run twice, and on another number of threads', async () => {
    setThreads(2);
    const two = await train(make, 'compiled', 6);
    expect(await train(make, 'compiled', 6)).toEqual(two);
    setThreads(1);
    expect(await train(make, 'compiled', 6)).toEqual(two);
  });
});
