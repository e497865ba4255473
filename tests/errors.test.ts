// The error classes: names, messages, and the mapping of the core's kinds.
import {
  DataError,
  DeviceError,
  DTypeError,
  HebbError,
  makeError,
  OutOfMemoryError,
  ShapeError,
  StateError,
  ValueError,
} from '../ts/errors';

test.each([
  ['shape', ShapeError, 'ShapeError'],
  ['dtype', DTypeError, 'DTypeError'],
  ['device', DeviceError, 'DeviceError'],
  ['memory', OutOfMemoryError, 'OutOfMemoryError'],
  ['value', ValueError, 'ValueError'],
  ['state', StateError, 'StateError'],
  ['data', DataError, 'DataError'],
  ['internal', HebbError, 'HebbError'],
  ['something new', HebbError, 'HebbError'],
  ['constructor', HebbError, 'HebbError'],
])('kind %s', (kind, type, name) => {
  const error = makeError(kind, 'matmul', 'inner sizes differ: 3 vs 4');
  expect(error.constructor).toBe(type);
  expect(error).toBeInstanceOf(HebbError);
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe(name);
  expect(error.op).toBe('matmul');
  expect(error.message).toBe('matmul: inner sizes differ: 3 vs 4');
  expect(String(error)).toBe(`${name}: matmul: inner sizes differ: 3 vs 4`);
});

test('an error keeps its cause, and a DataError its path', () => {
  const cause = new Error('inner');
  expect(new ShapeError('add', 'no', { cause }).cause).toBe(cause);
  expect(Object.hasOwn(new ShapeError('add', 'no'), 'cause')).toBe(false);
  const error = new DataError('readIdx', 'no', { path: '/a', cause });
  expect(error.cause).toBe(cause);
  expect(error.path).toBe('/a');
  expect(Object.hasOwn(new DataError('readIdx', 'no', { path: '/a' }), 'cause')).toBe(false);
});
