// Rows of text as a table, for terminals and logs.
import { ShapeError } from './errors';

/** How a table is set: a line of heads over a rule, and the columns that stand left; numbers stand right. */
export interface TableOptions {
  head?: readonly string[];
  left?: readonly number[];
}

// Names may come from files: a control character would reach the terminal as a command.
const printable = (content: string): string => content.replace(/\p{Cc}/gu, '\ufffd');

/** How many columns a terminal gives a text. */
export const widthOf = (content: string): number => Array.from(content).length;

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
