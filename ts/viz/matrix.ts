// What text and SVG views of matrices share: checks of their shape, and names cut to fit.
import { ShapeError, ValueError } from '../errors';

/** Rows of numbers, all of one length. */
export type Matrix = readonly ArrayLike<number>[];

/** The size of `matrix`; throws a ShapeError when it is empty, ragged, or not `names` long. */
export function matrixSize(op: string, matrix: Matrix): { rows: number; columns: number } {
  const columns = matrix[0]?.length ?? 0;
  if (columns === 0) throw new ShapeError(op, 'the matrix is empty; give at least one row and one column');
  const ragged = matrix.findIndex(row => row.length !== columns);
  if (ragged >= 0) {
    throw new ShapeError(
      op,
      `row ${ragged} has ${matrix[ragged]?.length} values, row 0 has ${columns}; use as many`,
    );
  }
  return { rows: matrix.length, columns };
}

/** Checks counts of a confusion: square, one class name per row, whole numbers of 0 and more. */
export function checkCounts(op: string, counts: Matrix, classes: readonly string[]): void {
  const { rows, columns } = matrixSize(op, counts);
  if (rows !== columns || rows !== classes.length) {
    throw new ShapeError(
      op,
      `matrix of ${rows} x ${columns} for ${classes.length} classes; use a square of that many`,
    );
  }
  counts.forEach((row, i) => {
    const wrong = Array.from(row).findIndex(value => !Number.isInteger(value) || value < 0);
    if (wrong >= 0)
      throw new ValueError(op, `count [${i}, ${wrong}] is ${row[wrong]}; use integers of 0 and more`);
  });
}

/** `content` cut to `length` characters, the last of them an ellipsis when it was longer. */
export function shorten(content: string, length: number): string {
  const characters = Array.from(content);
  return characters.length <= length ? content : `${characters.slice(0, length - 1).join('')}…`;
}
