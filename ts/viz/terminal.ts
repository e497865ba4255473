// Results as plain text: confusion tables and sparklines for terminals and logs.
import { table, widthOf } from '../text-table';
import { checkCounts, shorten } from './matrix';
import type { Matrix } from './matrix';

const NAME_LENGTH = 16;
const BARS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

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
