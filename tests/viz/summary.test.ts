// summary: the exact text, and that looking changes nothing.
import { models, nn, ShapeError, state, summary, ValueError } from 'hebb';
import type { Tensor } from 'hebb';

test('a LeNet with shapes', () => {
  const model = new models.LeNet();
  expect(summary(model, { input: [28, 28, 1] })).toBe(
    [
      'layer       kind       output               parameters',
      '──────────  ─────────  ───────────────────  ──────────',
      'features.0  Conv2d     [batch, 28, 28, 6]          156',
      'features.1  ReLU       [batch, 28, 28, 6]            0',
      'features.2  MaxPool2d  [batch, 14, 14, 6]            0',
      'features.3  Conv2d     [batch, 10, 10, 16]       2,416',
      'features.4  ReLU       [batch, 10, 10, 16]           0',
      'features.5  MaxPool2d  [batch, 5, 5, 16]             0',
      'head.0      Flatten    [batch, 400]                  0',
      'head.1      Linear     [batch, 120]             48,120',
      'head.2      ReLU       [batch, 120]                  0',
      'head.3      Linear     [batch, 84]              10,164',
      'head.4      ReLU       [batch, 84]                   0',
      'head.5      Linear     [batch, 10]                 850',
      '61,706 parameters, 241.0 KiB',
    ].join('\n'),
  );
});

test('a single layer, and without shapes', () => {
  expect(summary(new nn.Linear(3, 2))).toBe(
    [
      'layer    kind    parameters',
      '───────  ──────  ──────────',
      '(model)  Linear           8',
      '8 parameters, 0.0 KiB',
    ].join('\n'),
  );
});

class Mixed extends nn.Module {
  readonly scale = state(new Float32Array(2000).fill(1), { requiresGrad: true });
  readonly count = state(0, { dtype: 'i64' });
  readonly shared = new nn.Linear(4, 4);
  readonly again = this.shared;
  readonly unused = new nn.ReLU();
  forward(x: Tensor): Tensor {
    return this.shared.forward(this.again.forward(x));
  }
}

test('states of a module with modules inside, buffers, shared and unused modules', () => {
  const model = new Mixed();
  expect(summary(model, { input: [3, 4] })).toBe(
    [
      'layer    kind    output         parameters',
      '───────  ──────  ─────────────  ──────────',
      '(model)  Mixed   [batch, 3, 4]       2,001',
      'shared   Linear  [batch, 3, 4]          20',
      'unused   ReLU                            0',
      '2,021 parameters, 1 of them not trained, 7.9 KiB',
    ].join('\n'),
  );
});

test('leaves modes, methods and memory as they were', () => {
  const model = nn.sequential(new nn.Linear(4, 4), new nn.Dropout(0.5));
  const [first, second] = [model.at(0) as nn.Linear, model.at(1) as nn.Dropout];
  second.eval();
  const own = (x: Tensor): Tensor => x;
  first.forward = own;
  summary(model, { input: [4] });
  expect([model.training, first.training, second.training]).toEqual([true, true, false]);
  expect(first.forward).toBe(own);
  expect(Object.hasOwn(second, 'forward')).toBe(false);
  expect(() => summary(model, { input: [4, NaN] })).toThrow(ShapeError);
});

test('an integer input', () => {
  const model = nn.sequential(new nn.Embedding(10, 3), new nn.Flatten());
  expect(summary(model, { input: [5], dtype: 'i32' })).toContain('[batch, 15]');
});

test('refuses what makes no sense, and undoes what it did', () => {
  const model = nn.sequential(new nn.Linear(4, 4));
  expect(() => summary(model, { input: [5] })).toThrow(/^linear: /);
  expect(Object.hasOwn(model.at(0) ?? {}, 'forward')).toBe(false);
  expect(model.training).toBe(true);
  expect(() => summary(new nn.Module(), { input: [5] })).toThrow(
    new ValueError('summary', 'the model has no forward(x); leave out input'),
  );
  expect(() => summary(model, { shape: [4] } as object)).toThrow(
    'summary: has no option shape; use input, dtype',
  );
});
