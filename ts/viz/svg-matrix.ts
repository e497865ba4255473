// Matrices as SVG text: heat maps, and confusion charts made of them.
import { ShapeError } from '../errors';
import { checkCounts, matrixSize, shorten } from './matrix';
import type { Matrix } from './matrix';
import { coordinate, page, text } from './svg';

/** What is written around and into a heat map. */
export interface HeatmapOptions {
  title?: string;
  rows?: readonly string[];
  columns?: readonly string[];
  rowLabel?: string;
  columnLabel?: string;
  /** The values shown as lightest and darkest; by default the extremes of the matrix. */
  range?: readonly [number, number];
  /** What a cell says; '' for nothing. */
  format?: (value: number, row: number, column: number) => string;
}

const NAME_LENGTH = 18;
const CHARACTER_WIDTH = 6.6;

type Rgb = readonly [number, number, number];
// Pale to deep blue: lightness falls evenly, so the order is seen without telling colours apart.
const LIGHT: Rgb = [0xe6, 0xf0, 0xfb];
const MIDDLE: Rgb = [0x5b, 0x9b, 0xe0];
const DARK: Rgb = [0x12, 0x3e, 0x7c];

function mix(from: Rgb, to: Rgb, share: number): string {
  const channel = (i: 0 | 1 | 2): string =>
    Math.round(from[i] + (to[i] - from[i]) * share)
      .toString(16)
      .padStart(2, '0');
  return `#${channel(0)}${channel(1)}${channel(2)}`;
}

const colourOf = (share: number): string =>
  share < 0.5 ? mix(LIGHT, MIDDLE, share * 2) : mix(MIDDLE, DARK, share * 2 - 1);

const widest = (given: readonly string[]): number =>
  Math.max(0, ...given.map(name => Array.from(shorten(name, NAME_LENGTH)).length)) * CHARACTER_WIDTH;

function checkNames(name: string, given: readonly string[], count: number): void {
  if (given.length !== count) {
    throw new ShapeError('heatmap', `${given.length} names for ${count} ${name}; use as many`);
  }
}

interface Layout {
  left: number;
  top: number;
  side: number;
  width: number;
  height: number;
}

// Cells between 8 and 44 pixels; names of columns stand at 45 degrees, so they take 0.72 of their length.
function layOut({ rows, columns }: { rows: number; columns: number }, options: HeatmapOptions): Layout {
  const side = Math.max(8, Math.min(44, Math.floor(640 / Math.max(rows, columns))));
  const rowNames = options.rows === undefined ? 0 : widest(options.rows) + 8;
  const slanted = options.columns === undefined ? 0 : widest(options.columns) * 0.72 + 12;
  const left = Math.round((options.rowLabel === undefined ? 16 : 38) + rowNames);
  const top = Math.round(
    (options.title === undefined ? 16 : 46) + (options.columnLabel === undefined ? 0 : 22) + slanted,
  );
  const right = left + columns * side;
  const titleEnd = 16 + Array.from(options.title ?? '').length * 9;
  const width = Math.max(right + Math.max(16, Math.round(slanted - side / 2)), titleEnd + 16);
  return { left, top, side, width, height: top + rows * side + 16 };
}

function names(layout: Layout, size: { rows: number; columns: number }, options: HeatmapOptions): string[] {
  const { left, top, side } = layout;
  const { title, rows = [], columns = [], rowLabel, columnLabel } = options;
  const middleX = left + (size.columns * side) / 2;
  const middleY = top + (size.rows * side) / 2;
  const turned = (angle: number, x: number, y: number): string =>
    `transform="rotate(${angle} ${coordinate(x)} ${coordinate(y)})"`;
  const parts: string[] = [];
  if (title !== undefined) parts.push(text(16, 30, 'title', title));
  if (columnLabel !== undefined) {
    parts.push(text(middleX, title === undefined ? 26 : 54, 'label', columnLabel, 'text-anchor="middle"'));
  }
  if (rowLabel !== undefined) {
    parts.push(text(24, middleY, 'label', rowLabel, `text-anchor="middle" ${turned(-90, 24, middleY)}`));
  }
  rows.forEach((name, i) => {
    const y = top + (i + 0.5) * side + 4;
    parts.push(text(left - 8, y, 'tick', shorten(name, NAME_LENGTH), 'text-anchor="end"'));
  });
  columns.forEach((name, i) => {
    const [x, y] = [left + (i + 0.5) * side + 3, top - 8];
    parts.push(text(x, y, 'tick', shorten(name, NAME_LENGTH), turned(-45, x, y)));
  });
  return parts;
}

// A cell at (x, y) whose darkness is `share` of 0..1, or blank when that is no number.
function cell(x: number, y: number, side: number, share: number, content: string): string[] {
  const box = `x="${coordinate(x)}" y="${coordinate(y)}" width="${side - 1}" height="${side - 1}"`;
  if (!Number.isFinite(share)) return [`<rect class="empty" ${box}/>`];
  const parts = [`<rect ${box} fill="${colourOf(share)}"/>`];
  if (content !== '') {
    const kind = share > 0.45 ? 'cell on-dark' : 'cell on-light';
    parts.push(text(x + side / 2, y + side / 2 + 4, kind, content, 'text-anchor="middle"'));
  }
  return parts;
}

function rangeOf(matrix: Matrix): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of matrix.flatMap(row => Array.from(row)).filter(Number.isFinite)) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/**
 * An SVG heat map: one cell per value, darker is greater; a value that is not finite leaves its cell blank.
 *
 * @example
 * const svg = viz.heatmap([[0, 1], [2, 3]], { rows: ['a', 'b'], columns: ['c', 'd'] });
 */
export function heatmap(matrix: Matrix, options: HeatmapOptions = {}): string {
  const size = matrixSize('heatmap', matrix);
  const { rows, columns, format = () => '' } = options;
  if (rows !== undefined) checkNames('rows', rows, size.rows);
  if (columns !== undefined) checkNames('columns', columns, size.columns);
  const [low, high] = options.range ?? rangeOf(matrix);
  const layout = layOut(size, options);
  const { left, top, side } = layout;
  const shareOf = (value: number): number => {
    if (!Number.isFinite(value)) return NaN;
    return high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
  };
  const cells = matrix.flatMap((row, i) =>
    Array.from(row).flatMap((value, j) =>
      cell(left + j * side, top + i * side, side, shareOf(value), format(value, i, j)),
    ),
  );
  return page(layout.width, layout.height, options.title ?? '', [...names(layout, size, options), ...cells]);
}

/**
 * An SVG confusion chart of `counts[target][predicted]`: a cell shows its count, its darkness the share of its row.
 *
 * @example
 * const svg = viz.confusionChart([[8, 2], [1, 9]], ['cat', 'dog']);
 */
export function confusionChart(counts: Matrix, classes: readonly string[]): string {
  checkCounts('confusionChart', counts, classes);
  const shares = counts.map(row => {
    const values = Array.from(row);
    const total = values.reduce((sum, value) => sum + value, 0);
    return values.map(value => (total === 0 ? 0 : value / total));
  });
  const right = counts.reduce((sum, row, i) => sum + (row[i] as number), 0);
  const total = counts.flatMap(row => Array.from(row)).reduce((sum, value) => sum + value, 0);
  const accuracy = total === 0 ? '' : `, ${((100 * right) / total).toFixed(2)} % right`;
  return heatmap(shares, {
    title: `Confusion of ${total} samples${accuracy}`,
    rows: classes,
    columns: classes,
    rowLabel: 'target',
    columnLabel: 'predicted',
    range: [0, 1],
    format: (_, row, column) => String(counts[row]?.[column] || ''),
  });
}
