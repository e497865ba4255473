// Metrics against counts by hand.
import { metrics, ShapeError, tensor, ValueError } from 'hebb';

test('accuracy is the mean of hits', () => {
  const logits = tensor([
    [0, 1, 0],
    [3, 1, 2],
    [0, 0, 1],
    [1, 0, 0],
  ]);
  expect(metrics.accuracy(logits, tensor([1, 0, 2, 2], { dtype: 'i32' })).itemSync()).toBe(0.75);
  expect(() => metrics.accuracy(logits, tensor([1], { dtype: 'i32' }))).toThrow(
    new ShapeError('accuracy', 'logits have shape [4, 3], target [1]; use [..., classes] and [...]'),
  );
});

test('Accuracy runs over batches of any id type', () => {
  const metric = new metrics.Accuracy();
  expect(metric.value).toBeNaN();
  metric.add(new Int32Array([1, 2, 3]), new BigInt64Array([1n, 2n, 0n]));
  metric.add([0], [0]);
  expect([metric.value, metric.count]).toEqual([0.75, 4]);
  expect(() => metric.add([0], [])).toThrow(
    new ShapeError('Accuracy', '1 predictions for 0 targets; give one for each'),
  );
  metric.reset();
  expect(metric.count).toBe(0);
});

test('ConfusionMatrix counts pairs: rows are true, columns predicted', () => {
  const matrix = new metrics.ConfusionMatrix(3);
  matrix.add(new Int32Array([0, 1, 1, 0]), new Uint8Array([0, 1, 0, 1]));
  matrix.add([1], [1]);
  expect(matrix.counts).toEqual([
    [1, 1, 0],
    [1, 2, 0],
    [0, 0, 0],
  ]);
  expect([matrix.count, matrix.accuracy]).toEqual([5, 0.6]);
  expect(matrix.recall).toEqual([0.5, 2 / 3, NaN]);
  expect(matrix.precision).toEqual([0.5, 2 / 3, NaN]);
  expect(() => matrix.add([1, 2, 1], [1, 3, 1])).toThrow(
    new ValueError('ConfusionMatrix', 'target 1 is 3; use class ids 0..2'),
  );
  expect(matrix.count).toBe(5);
  matrix.reset();
  expect(matrix.count).toBe(0);
  expect(() => new metrics.ConfusionMatrix(0)).toThrow(
    /^ConfusionMatrix: classes must be a positive integer, got 0$/,
  );
});
