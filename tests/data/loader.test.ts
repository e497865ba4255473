// The loader: what is in its batches, in which order, and when they are freed.
import { data, memory } from 'hebb';
import type { Tensor } from 'hebb';
import { collectGarbage } from '../tensor/garbage';

// Sample i is [i, i + 0.5] with target i.
const counted = (count: number): data.ArrayDataset =>
  new data.ArrayDataset({
    x: { data: Float32Array.from({ length: 2 * count }, (_, i) => i / 2), shape: [2] },
    target: { data: Int32Array.from({ length: count }, (_, i) => i), shape: [] },
  });

async function targets(loader: data.Loader): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const { target } of loader) batches.push([...((await target.read()) as Int32Array)]);
  return batches;
}

test('batches hold the samples, the last one what is left', async () => {
  const shapes: unknown[] = [];
  const values: number[] = [];
  for await (const { x, target } of data.loader(counted(5), { batch: 2 })) {
    shapes.push([x.dtype, x.shape, target.dtype, target.shape]);
    values.push(...((await x.read()) as Float32Array));
  }
  expect(shapes).toEqual([
    ['f32', [2, 2], 'i32', [2]],
    ['f32', [2, 2], 'i32', [2]],
    ['f32', [1, 2], 'i32', [1]],
  ]);
  expect(values).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]);
});

test('length and dropLast', async () => {
  expect(data.loader(counted(5), { batch: 2 }).length).toBe(3);
  expect(data.loader(counted(6), { batch: 2 }).length).toBe(3);
  const loader = data.loader(counted(5), { batch: 2, dropLast: true });
  expect([loader.length, await targets(loader)]).toEqual([2, [[0, 1], [2, 3]]]); // prettier-ignore
  expect(await targets(data.loader(counted(1), { batch: 2, dropLast: true }))).toEqual([]);
});

test('every iteration is an epoch: a new order of the same seed', async () => {
  const options = { batch: 7, shuffle: true, seed: 3 };
  const loader = data.loader(counted(20), options);
  const epochs = [await targets(loader), await targets(loader), await targets(loader)];
  const all = Array.from({ length: 20 }, (_, i) => i);
  for (const epoch of epochs) expect(epoch.flat().sort((a, b) => a - b)).toEqual(all);
  expect(epochs[0]).not.toEqual(epochs[1]);
  const again = data.loader(counted(20), options);
  expect([await targets(again), await targets(again)]).toEqual(epochs.slice(0, 2));
  expect(await targets(data.loader(counted(20), { ...options, epoch: 2 }))).toEqual(epochs[2]);
  expect(await targets(data.loader(counted(20), { ...options, seed: 4 }))).not.toEqual(epochs[0]);
  expect((await targets(data.loader(counted(20), { batch: 20, seed: 3 })))[0]).toEqual(all);
});

test('a batch is freed when the iterator moves on, at a break and at an error', async () => {
  const kept: Tensor[] = [];
  await collectGarbage();
  const before = memory().liveTensors;
  for await (const { x, target } of data.loader(counted(20), { batch: 5 })) {
    expect(kept.every(value => value.isDisposed)).toBe(true);
    expect(x.isDisposed).toBe(false);
    kept.push(x, target);
    expect(memory().liveTensors).toBeLessThanOrEqual(before + 2);
  }
  expect(kept.length).toBe(8);
  for await (const { x } of data.loader(counted(20), { batch: 5 })) {
    kept.push(x);
    break;
  }
  const failing = async (): Promise<void> => {
    for await (const { x } of data.loader(counted(20), { batch: 5 })) {
      kept.push(x);
      throw new RangeError('mine');
    }
  };
  await expect(failing()).rejects.toThrow(new RangeError('mine'));
  expect(kept.every(value => value.isDisposed)).toBe(true);
  expect(memory().liveTensors).toBeLessThanOrEqual(before);
});

test('batches do not see the arrays of later ones', async () => {
  // Read only after the next batch has been gathered into the same arrays.
  const reads: Promise<ArrayLike<unknown>>[] = [];
  for await (const { target } of data.loader(counted(40), { batch: 4 })) reads.push(target.read());
  const values = (await Promise.all(reads)).flatMap(part => Array.from(part));
  expect(values).toEqual(Array.from({ length: 40 }, (_, i) => i));
});

test('one set of arrays serves every epoch', async () => {
  const set = counted(5);
  const given: (object | undefined)[] = [];
  const loader = data.loader(
    {
      size: 5,
      fields: set.fields,
      gather: (rows, reuse) => {
        given.push(reuse?.['x']);
        return set.gather(rows, reuse);
      },
    },
    { batch: 2 },
  );
  expect([await targets(loader), await targets(loader)].flat(2)).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
  const [none, first, ...others] = given;
  expect([none, others.length]).toEqual([undefined, 4]);
  expect(ArrayBuffer.isView(first)).toBe(true);
  expect(others.every(other => other === first)).toBe(true);
});

test('two iterations at once do not disturb each other', async () => {
  const loader = data.loader(counted(12), { batch: 4 });
  const [a, b] = await Promise.all([targets(loader), targets(loader)]);
  expect(a).toEqual(b);
});

test('any fields, also those of a data set that ignores the arrays it may reuse', async () => {
  const set: data.Dataset = {
    size: 3,
    fields: {
      x: { dtype: 'u8', shape: [2, 1] },
      target: { dtype: 'f32', shape: [] },
      weight: { dtype: 'f32', shape: [1] },
    },
    gather: rows => ({
      x: Uint8Array.from([...rows].flatMap(row => [row, row + 1])),
      target: Float32Array.from(rows),
      weight: Float32Array.from(rows, row => -row),
    }),
  };
  const seen: unknown[] = [];
  for await (const batch of data.loader(set, { batch: 2 })) {
    seen.push(Object.keys(batch), batch.x.shape, batch['weight']?.shape, [
      ...((await batch.x.read()) as Uint8Array),
    ]);
  }
  expect(seen).toEqual([
    ['x', 'target', 'weight'], [2, 2, 1], [2, 1], [0, 1, 1, 2],
    ['x', 'target', 'weight'], [1, 2, 1], [1, 1], [2, 3],
  ]); // prettier-ignore
});

test('gives the event loop turns', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const start = performance.now();
  for await (const { x } of data.loader(data.digits({ seed: 1, count: 512 }), { batch: 8 })) {
    const until = performance.now() + 1;
    while (performance.now() < until) expect(x.rank).toBe(4);
  }
  clearInterval(timer);
  expect(performance.now() - start).toBeGreaterThan(60);
  expect(turns).toBeGreaterThanOrEqual(5);
});

test.each([
  [{ batch: 0 }, 'loader: batch is 0; use an integer of 1 and more'],
  [{ batch: 2.5 }, 'loader: batch is 2.5; use an integer of 1 and more'],
  [{ batch: 2, device: 'gpu' as never }, "loader: device must be 'cpu' or 'cuda', got gpu"],
  [{ batch: 2, seed: -1 }, 'epochOrder: seed is -1; use an integer of 0..9007199254740991'],
  [{ batch: 2, epoch: NaN }, 'epochOrder: epoch is NaN; use an integer of 0..9007199254740991'],
])('refuses %p', (options, message) => {
  expect(() => data.loader(counted(3), options)).toThrow(message);
});

test('refuses a data set without samples', () => {
  expect(() => data.loader(counted(0), { batch: 1 })).toThrow(
    'loader: the data set has no samples; give at least one',
  );
});
