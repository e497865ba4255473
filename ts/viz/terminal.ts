// Results as plain text: tables, confusion tables and sparklines for terminals and logs.
import { ShapeError } from '../errors';
import { checkCounts, shorten } from './matrix';
import type { Matrix } from './matrix';

/** How a table is set: a line of heads over a rule, and the columns that stand left; numbers stand right. */
export interface TableOptions {
  head?: readonly string[];
  left?: readonly number[];
}

const NAME_LENGTH = 16;
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

// Names may come from files: a control character would reach the terminal as a command.
const printable = (content: string): string => content.replace(/\p{Cc}/gu, '\ufffd');
const widthOf = (content: string): number => Array.from(content).length;

function fill(content: string, width: number, isLeft: boolean): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(content)));
  return isLeft ? content + space : space + content;
}

/**
 * Rows of text in columns, two spaces apart; column 0 stands left and the others right unless `left` says.
 *
 * @example
 * viz.table([['conv1', '156'], ['conv2', '2416']], { head: ['layer', 'parameters'] });
 * // layer  parameters
 * // ─────  ──────────
 * // conv1         156
 * // conv2        2416
 */
export function table(rows: readonly (readonly string[])[], options: TableOptions = {}): string {
  const { head, left = [0] } = options;
  const lines = (head === undefined ? rows : [head, ...rows]).map(row => row.map(printable));
  const count = lines[0]?.length ?? 0;
  const wrong = lines.findIndex(row => row.length !== count);
  if (wrong >= 0) {
    throw new ShapeError(
      'table',
      `line ${wrong} has ${lines[wrong]?.length} cells, line 0 has ${count}; use as many`,
    );
  }
  const widths = Array.from({ length: count }, (_, i) =>
    Math.max(...lines.map(row => widthOf(row[i] ?? ''))),
  );
  const set = (row: readonly string[]): string =>
    row
      .map((content, i) => fill(content, widths[i] ?? 0, left.includes(i)))
      .join('  ')
      .trimEnd();
  const text = lines.map(set);
  if (head !== undefined) text.splice(1, 0, widths.map(width => '─'.repeat(width)).join('  '));
  return text.join('\n');
}

/**
 * The confusion `counts[target][predicted]` as text: a row per target class with the share found, `·` for none.
 *
 * @example
 * viz.confusionTable([[8, 2], [1, 9]], ['cat', 'dog']);
 * // target  cat  dog   found
 * // ──────  ───  ───  ──────
 * // cat       8    2  80.0 %
 * // dog       1    9  90.0 %
 */
export function confusionTable(counts: Matrix, classes: readonly string[]): string {
  checkCounts('confusionTable', counts, classes);
  const names = classes.map(name => shorten(name, NAME_LENGTH));
  // Long names head the rows only; their columns are numbered.
  const isNumbered = names.some(name => widthOf(name) > 5);
  const digits = String(classes.length - 1).length;
  const rows = counts.map((row, i) => {
    const values = Array.from(row);
    const total = values.reduce((sum, value) => sum + value, 0);
    const found = total === 0 ? '-' : `${((100 * (values[i] ?? 0)) / total).toFixed(1)} %`;
    const name = isNumbered ? `${String(i).padStart(digits)} ${names[i] ?? ''}` : (names[i] ?? '');
    return [name, ...values.map(value => (value === 0 ? '·' : String(value))), found];
  });
  const heads = isNumbered ? names.map((_, i) => String(i)) : names;
  return table(rows, { head: ['target', ...heads, 'found'] });
}

/**
 * One bar per value, from the least to the greatest; a value that is not finite leaves a space.
 *
 * @example
 * viz.sparkline([1, 2, 3, 8]); // '▁▂▃█'
 */
export function sparkline(values: ArrayLike<number>): string {
  let [low, high] = [Infinity, -Infinity];
  for (const value of Array.from(values).filter(Number.isFinite)) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const bar = (value: number): string => {
    if (!Number.isFinite(value)) return ' ';
    const share = high > low ? (value - low) / (high - low) : 0.5;
    return BARS[Math.min(BARS.length - 1, Math.floor(share * BARS.length))] ?? '';
  };
  return Array.from(values, bar).join('');
}
