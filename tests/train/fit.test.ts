// fit: what it reports, in which order it does things, and how it ends.
import { data, fit, nn, optim, Progress, scope, tensor, ValueError } from 'hebb';
import type { EpochReport, FitOptions, Tensor } from 'hebb';
import { adam, points, Small, weights } from './problem';

const options = (model: nn.Module, more: Partial<FitOptions> = {}): FitOptions => ({
  train: points(100),
  loss: nn.crossEntropy,
  optimizer: adam(model),
  ...more,
});

describe('the history', () => {
  test('has every step and every epoch', async () => {
    const model = new Small();
    const reports: EpochReport[] = [];
    const history = await fit(model, {
      ...options(model, { batch: 32, epochs: 3, metrics: ['accuracy'], validation: points(50, 2) }),
      onEpoch: report => void reports.push(report),
    });
    expect([history.steps, history.losses.length, history.aborted]).toEqual([12, 12, false]);
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([0, 1, 2]);
    expect(reports).toEqual(history.epochs);
    for (const { figures, seconds, samplesPerSecond } of history.epochs) {
      expect(Object.keys(figures)).toEqual(['loss', 'accuracy', 'valLoss', 'valAccuracy']);
      expect(samplesPerSecond * seconds).toBeCloseTo(100, 6);
    }
    const seconds = history.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
    expect(history.seconds).toBeCloseTo(seconds, 9);
    expect(history.samplesPerSecond).toBeCloseTo(300 / seconds, 6);
    // The first loss is that of the weights as they were made; the mean counts the last, smaller batch for what it holds.
    const [a = 0, b = 0, c = 0, last = 0] = history.losses;
    expect(history.epochs[0]?.figures['loss']).toBeCloseTo((32 * (a + b + c) + 4 * last) / 100, 6);
    expect(history.epochs[2]?.figures['loss']).toBeLessThan(0.8 * a);
  });

  test('is what the steps by hand give', async () => {
    const [model, other] = [new Small(3, 0), new Small(3, 0)];
    const set = points(10);
    const history = await fit(model, { ...options(model), train: set, batch: 4, epochs: 2, shuffle: false });
    const optimizer = adam(other);
    const losses: number[] = [];
    for (let epoch = 0; epoch < 2; epoch++) {
      for (const rows of [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
      ]) {
        const { x = [], target = [] } = set.gather(Int32Array.from(rows)) as Record<string, never>;
        const loss = nn.crossEntropy(other.forward(tensor(x, { shape: [rows.length, 2] })), tensor(target));
        loss.backward();
        optimizer.step();
        losses.push(await loss.item());
      }
    }
    expect(history.losses).toEqual(losses);
    expect(await weights(model)).toEqual(await weights(other));
  });

  test('dropLast leaves the smaller batch out', async () => {
    const model = new Small();
    const history = await fit(model, options(model, { batch: 32, dropLast: true }));
    expect([history.steps, Math.round(history.samplesPerSecond * history.seconds)]).toEqual([3, 96]);
  });

  test('metrics of the caller, NaN and all', async () => {
    const model = new Small();
    const history = await fit(model, {
      ...options(model, { batch: 50 }),
      metrics: ['accuracy', { name: 'nothing', compute: output => output.sum().mul(NaN) }],
    });
    expect(history.epochs[0]?.figures['nothing']).toBeNaN();
    expect(history.epochs[0]?.figures['accuracy']).toBeGreaterThan(0);
  });

  test('a loss that is no number is shown as such', async () => {
    const model = new Small();
    const loss = (output: Tensor, target: Tensor): Tensor => nn.crossEntropy(output, target).mul(NaN);
    expect((await fit(model, options(model, { loss, batch: 50 }))).losses).toEqual([NaN, NaN]);
  });
});

describe('order and seeds', () => {
  // A data set that writes down which rows it was asked for.
  function watched(count: number): [data.Dataset, number[][]] {
    const set = points(count);
    const asked: number[][] = [];
    return [
      {
        size: set.size,
        fields: set.fields,
        gather: (rows, reuse) => {
          asked.push([...rows]);
          return set.gather(rows, reuse);
        },
      },
      asked,
    ];
  }

  test('each epoch has every sample once, in a new order that the seed decides', async () => {
    const orders: number[][] = [];
    for (const seed of [4, 4, 5]) {
      const model = new Small();
      const [train, asked] = watched(30);
      await fit(model, options(model, { train, batch: 7, epochs: 2, seed }));
      expect(asked.map(rows => rows.length)).toEqual([7, 7, 7, 7, 2, 7, 7, 7, 7, 2]);
      orders.push(asked.flat());
    }
    const [first = [], again = [], other = []] = orders;
    const all = Array.from({ length: 30 }, (_, i) => i);
    for (const epoch of [first.slice(0, 30), first.slice(30)]) {
      expect([...epoch].sort((a, b) => a - b)).toEqual(all);
      expect(epoch).not.toEqual(all);
    }
    expect(first.slice(0, 30)).not.toEqual(first.slice(30));
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test('dropout follows from the seed and not from what was drawn before', async () => {
    const losses: (readonly number[])[] = [];
    for (const seed of [4, 4, 5]) {
      const model = new Small(1, 0.5);
      losses.push((await fit(model, options(model, { batch: 100, epochs: 2, seed, shuffle: false }))).losses);
    }
    expect(losses[1]).toEqual(losses[0]);
    expect(losses[2]?.[0]).not.toBe(losses[0]?.[0]);
  });

  test('a schedule sets the rate of each step', async () => {
    const model = new Small();
    const optimizer = new optim.SGD(model.parameters(), { lr: 9 });
    const rates: number[] = [];
    const schedule = (step: number): number => 1 / (step + 1);
    const spy = {
      get lr() {
        return optimizer.lr;
      },
      set lr(value: number) {
        optimizer.lr = value;
      },
      step: () => {
        rates.push(optimizer.lr);
        optimizer.step();
      },
    };
    await fit(model, options(model, { optimizer: spy, schedule, batch: 50, epochs: 2 }));
    expect(rates).toEqual([1, 1 / 2, 1 / 3, 1 / 4]);
  });
});

describe('modes and gradients', () => {
  test('trains in training mode, measures in evaluation mode, gives the modes back', async () => {
    const model = new Small();
    const modes: boolean[] = [];
    class Watcher extends nn.Module {
      readonly inner = model;
      forward(x: Tensor): Tensor {
        modes.push(this.training && model.training);
        return model.forward(x);
      }
    }
    const watcher = new Watcher();
    watcher.eval();
    model.layers.train(true);
    await fit(watcher, options(watcher, { batch: 100, validation: points(5) }));
    expect(modes).toEqual([true, false]);
    expect([watcher.training, model.training, model.layers.training]).toEqual([false, false, true]);
  });

  test('old gradients do not count, and none are left', async () => {
    const [model, other] = [new Small(), new Small()];
    nn.crossEntropy(model.forward(tensor([[1, 1]])), tensor(Int32Array.of(0))).backward();
    await fit(model, options(model, { epochs: 1 }));
    await fit(other, options(other, { epochs: 1 }));
    expect(await weights(model)).toEqual(await weights(other));
    expect(model.parameters().map(param => param.grad)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

describe('a signal', () => {
  test('before the start: nothing happens', async () => {
    const model = new Small();
    const before = await weights(model);
    const history = await fit(model, options(model, { signal: AbortSignal.abort() }));
    expect(history).toEqual({
      epochs: [],
      losses: [],
      steps: 0,
      seconds: 0,
      samplesPerSecond: 0,
      aborted: true,
    });
    expect(await weights(model)).toEqual(before);
  });

  test('within an epoch: the steps begun are finished', async () => {
    const model = new Small();
    const controller = new AbortController();
    const inner = adam(model);
    let steps = 0;
    const optimizer = {
      step: () => {
        inner.step();
        if (++steps === 3) controller.abort();
      },
    };
    const history = await fit(
      model,
      options(model, { optimizer, batch: 10, signal: controller.signal, validation: points(9) }),
    );
    expect([history.aborted, history.steps, history.epochs.length]).toEqual([true, 3, 0]);
    expect(history.losses.every(Number.isFinite)).toBe(true);
    expect(model.training).toBe(true);
  });

  test('within the validation: the epoch stands without it', async () => {
    const model = new Small();
    const controller = new AbortController();
    const validation = points(600);
    const gather = validation.gather.bind(validation);
    validation.gather = (rows, reuse) => {
      controller.abort(new Error('mine'));
      return gather(rows, reuse);
    };
    const history = await fit(model, options(model, { signal: controller.signal, validation, epochs: 3 }));
    expect(history.aborted).toBe(true);
    expect(history.epochs.map(({ figures }) => Object.keys(figures))).toEqual([['loss']]);
  });
});

describe('failures', () => {
  test('a class id out of range rejects with the message of the op and keeps the last good weights', async () => {
    const bad = points(60);
    const arrays = bad.gather(Int32Array.from({ length: 60 }, (_, i) => i)) as {
      x: Float32Array;
      target: Int32Array;
    };
    arrays.target[35] = 3;
    const train = new data.ArrayDataset({
      x: { data: arrays.x, shape: [2] },
      target: { data: arrays.target, shape: [] },
    });
    const [model, good] = [new Small(1, 0), new Small(1, 0)];
    const optimizer = adam(model);
    const run = fit(model, options(model, { train, batch: 10, shuffle: false, optimizer }));
    const failure = (await run.catch((error: unknown) => error)) as ValueError;
    expect(failure).toBeInstanceOf(ValueError);
    expect(failure.op).toBe('crossEntropy');
    expect(failure.message).toMatch(/^crossEntropy: .*\b3\b/);
    // The fourth batch does not count; those behind it do that were under way when it failed, none to both.
    const updates = Number((await optimizer.stateDict().states['0.step']?.read())?.[0]);
    expect([3, 4, 5]).toContain(updates);
    const rows = Array.from({ length: 10 * updates + 10 }, (_, i) => i).filter(row => row < 30 || row >= 40);
    await fit(good, options(good, { train: train.subset(rows), batch: 10, shuffle: false }));
    expect(await weights(model)).toEqual(await weights(good));
    expect((await fit(model, options(model))).losses.every(Number.isFinite)).toBe(true);
  });

  test('an error of the model, the loss or a callback comes through, and fit can be called again', async () => {
    const model = new Small();
    const calls: Partial<FitOptions>[] = [
      {
        loss: () => {
          throw new RangeError('mine');
        },
      },
      {
        onEpoch: () => {
          throw new RangeError('mine');
        },
      },
      {
        onEpoch: () => Promise.reject(new RangeError('mine')),
      },
    ];
    for (const more of calls)
      await expect(fit(model, options(model, more))).rejects.toThrow(new RangeError('mine'));
    await expect(fit(model, { ...options(model), train: wide() })).rejects.toThrow(/^linear: /);
    expect(scope(() => 1)).toBe(1);
    expect((await fit(model, options(model))).steps).toBe(4);
  });

  test('an optimizer that fails after the walk back leaves no gradient behind', async () => {
    const model = new Small();
    const inner = adam(model);
    const optimizer = {
      step: () => {
        throw new RangeError('mine');
      },
      zeroGrad: () => inner.zeroGrad(),
    };
    await expect(fit(model, options(model, { optimizer }))).rejects.toThrow('mine');
    expect(model.parameters().map(param => param.grad)).toEqual([undefined, undefined, undefined, undefined]);
  });

  const wide = (): data.ArrayDataset =>
    new data.ArrayDataset({
      x: { data: new Float32Array(12), shape: [3] },
      target: { data: new Int32Array(4), shape: [] },
    });

  const wrong: [object, string][] = [
    [{ epoch: 3 }, 'fit: has no option epoch; use train, validation, batch, '],
    [{ train: undefined }, 'fit: train is undefined; give a data set'],
    [{ validation: 3 }, 'fit: validation is 3; give a data set'],
    [{ train: points(4).take(0) }, 'fit: train has no samples; give at least one'],
    [{ batch: 0 }, 'fit: batch is 0; use an integer of 1 and more'],
    [{ batch: NaN }, 'fit: batch is NaN; use an integer of 1 and more'],
    [{ epochs: 1.5 }, 'fit: epochs is 1.5; use an integer of 1 and more'],
    [{ epochs: '2' }, "fit: epochs is '2'; use an integer of 1 and more"],
    [{ seed: -1 }, 'fit: seed is -1; use an integer of 0 and more'],
    [{ loss: 'mse' }, "fit: loss is 'mse'; give a function of output and target"],
    [{ optimizer: {} }, 'fit: optimizer is {}; give one of optim'],
    [{ optimizer: { step: () => undefined }, schedule: () => 1 }, 'fit: a schedule needs an optimizer with a learning rate lr'],
    [{ batch: 101, dropLast: true }, 'fit: dropLast leaves nothing of 100 samples in batches of 101'],
    [{ metrics: ['f1'] }, "fit: no metric 'f1'; use 'accuracy' or { name, compute }"],
    [{ metrics: ['accuracy', 'accuracy'] }, "fit: two figures are called 'accuracy'; use other names"],
    [{ metrics: [{ name: 'loss', compute: nn.crossEntropy }] }, "fit: two figures are called 'loss'; use other names"],
    [{ metrics: [{ name: 'wide', compute: (y: Tensor) => y }] }, 'fit: wide has shape [32, 3]; return a tensor of one element'],
    [{ loss: (y: Tensor) => y }, 'fit: loss has shape [32, 3]; return a tensor of one element'],
    [{ loss: () => 3 }, 'fit: loss gave 3; return a tensor of one element'],
  ]; // prettier-ignore

  test.each(wrong)('%p', async (more, message) => {
    const model = new Small();
    const before = await weights(model);
    const failure = (await fit(model, { ...options(model), ...more }).catch(
      (error: unknown) => error,
    )) as Error;
    expect(failure.message.startsWith(message)).toBe(true);
    expect(await weights(model)).toEqual(before);
  });

  test('a data set without a target, no options, no model', async () => {
    const model = new Small();
    const unlabelled = new data.ArrayDataset({ x: { data: new Float32Array(4), shape: [2] } });
    await expect(fit(model, { ...options(model), train: unlabelled })).rejects.toThrow(
      'fit: train has the fields x; it needs x and target',
    );
    const anything = fit as (...args: unknown[]) => Promise<unknown>;
    await expect(anything(model)).rejects.toThrow('fit: got no options; give train, loss and optimizer');
    await expect(anything({}, options(model))).rejects.toThrow(
      'fit: the model is {}; give a module with forward(x)',
    );
  });
});

test('progress sees every epoch and is closed', async () => {
  const model = new Small();
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text), isTTY: false };
  const progress = new Progress({ epochs: 2, samples: 100, stream });
  await fit(model, options(model, { epochs: 2, progress, metrics: ['accuracy'] }));
  expect(lines.map(line => line.replace(/[\d.,]+/g, '#'))).toEqual([
    'epoch #/#  # s  loss #  accuracy #  # samples/s\n',
    'epoch #/#  # s  loss #  accuracy #  # samples/s\n',
  ]);
  progress.endEpoch({});
  expect(lines.length).toBe(2);
});
