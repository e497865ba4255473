// Tables, confusion tables and sparklines, character by character.
import { ShapeError, ValueError } from '../../ts/errors';
import { confusionTable, sparkline, table } from '../../ts/viz';

const lines = (...list: string[]): string => list.join('\n');

test('a table aligns its columns', () => {
  const rows = [
    ['conv1', '156', 'a'],
    ['fc', '12345', 'longer'],
  ];
  expect(table(rows, { head: ['layer', 'size', 'note'], left: [0, 2] })).toBe(
    lines('layer   size  note', '─────  ─────  ──────', 'conv1    156  a', 'fc     12345  longer'),
  );
  expect(table(rows)).toBe(lines('conv1    156       a', 'fc     12345  longer'));
  expect(table([])).toBe('');
  expect(table([], { head: ['a', 'bc'] })).toBe(lines('a  bc', '─  ──'));
});

test('a table counts characters, not code units, and defuses control characters', () => {
  expect(
    table([
      ['😀', '1'],
      ['ab', '2'],
    ]),
  ).toBe(lines('😀   1', 'ab  2'));
  expect(table([['a\u001b[2Jb', 'x\ny']])).toBe('a\ufffd[2Jb  x\ufffdy');
});

test('a table refuses ragged rows', () => {
  expect(() => table([['a', 'b'], ['c']])).toThrow(ShapeError);
  expect(() => table([['a', 'b'], ['c']])).toThrow('table: line 1 has 1 cells, line 0 has 2; use as many');
});

test('a confusion table with short names', () => {
  expect(
    confusionTable(
      [
        [8, 2],
        [1, 9],
      ],
      ['cat', 'dog'],
    ),
  ).toBe(
    lines(
      'target  cat  dog   found',
      '──────  ───  ───  ──────',
      'cat       8    2  80.0 %',
      'dog       1    9  90.0 %',
    ),
  );
});

test('a confusion table with long names numbers its columns; a class never seen has no share', () => {
  const counts = [Int32Array.of(10, 0, 0), Int32Array.of(0, 0, 0), Int32Array.of(1, 0, 2)];
  expect(confusionTable(counts, ['T-shirt/top', 'Trouser', 'A very long name indeed'])).toBe(
    lines(
      'target               0  1  2    found',
      '──────────────────  ──  ─  ─  ───────',
      '0 T-shirt/top       10  ·  ·  100.0 %',
      '1 Trouser            ·  ·  ·        -',
      '2 A very long nam…   1  ·  2   66.7 %',
    ),
  );
});

test('a confusion table refuses what is no confusion', () => {
  expect(() => confusionTable([], [])).toThrow('confusionTable: the matrix is empty');
  expect(() => confusionTable([[1, 2], [3]], ['a', 'b'])).toThrow(
    'confusionTable: row 1 has 1 values, row 0 has 2; use as many',
  );
  expect(() =>
    confusionTable(
      [
        [1, 2],
        [3, 4],
      ],
      ['a'],
    ),
  ).toThrow('confusionTable: matrix of 2 x 2 for 1 classes; use a square of that many');
  expect(() => confusionTable([[1, 2]], ['a'])).toThrow(ShapeError);
  expect(() =>
    confusionTable(
      [
        [1, NaN],
        [3, 4],
      ],
      ['a', 'b'],
    ),
  ).toThrow(ValueError);
  expect(() =>
    confusionTable(
      [
        [1, 2],
        [-3, 4],
      ],
      ['a', 'b'],
    ),
  ).toThrow('confusionTable: count [1, 0] is -3; use integers of 0 and more');
});

test('a sparkline', () => {
  expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(sparkline(Float32Array.of(1, 2, 3, 8))).toBe('▁▂▃█');
  expect(sparkline([2, NaN, 1, Infinity])).toBe('█ ▁ ');
  expect(sparkline([3, 3])).toBe('▅▅');
  expect(sparkline([])).toBe('');
});
