// What the comments of an example claim: `sum.itemSync(); // 54`, `x.add(y); // ShapeError: add: ...`.
import ts from 'typescript';
import { isState, isTensor } from 'hebb';

/** A comment behind an expression, with the place of the expression's statement. */
export interface Claimed {
  readonly start: number;
  readonly end: number;
  readonly expression: string;
  readonly claim: { readonly kind: 'value' | 'throws'; readonly text: string };
}

// A literal, or an array as it prints; other comments are prose.
const literal = /^(-?[\d.]|\[|\{|'|"|(true|false|undefined|null|NaN|Infinity)$|\w+Array \[)/;

function claimOf(comment: string): Claimed['claim'] | undefined {
  if (/^\w*Error: /.test(comment)) return { kind: 'throws', text: comment };
  if (!literal.test(comment)) return undefined;
  // `[64, 784] -> [64, 10]` tells what went in as well.
  const text = comment.split(' -> ').at(-1) ?? comment;
  return { kind: 'value', text: text.replace(/^(\w+Array) (\[.*\])$/, '$1.from($2)') };
}

// The lines of comments right under a statement, where nothing follows them: a text that the expression gives.
function shownBelow(after: string): string | undefined {
  const block = /^[^\S\n]*\n((?:[^\S\n]*\/\/ .*(?:\n|$))+)(?=\s*(?:\n|$))/.exec(after)?.[1];
  return block?.trimEnd().replace(/^[^\S\n]*\/\/ /gm, '');
}

/** The expression statements of `file`, nested ones left out, that a comment makes a claim about. */
export function claims(file: ts.SourceFile): Claimed[] {
  return file.statements.filter(ts.isExpressionStatement).flatMap(statement => {
    const after = file.text.slice(statement.end);
    const beside = /^[^\S\n]*\/\/ (.*)/.exec(after)?.[1];
    const below = beside === undefined ? shownBelow(after) : undefined;
    const claim =
      below === undefined
        ? claimOf((beside ?? '').trim())
        : ({ kind: 'value', text: JSON.stringify(below) } as const);
    if (claim === undefined) return [];
    const start = statement.getStart();
    return [{ start, end: statement.end, expression: statement.expression.getText(), claim }];
  });
}

// Tensors and states stand for their shapes; arrays of numbers keep their kind where the claim gives one.
function plain(value: unknown, keepsKind: boolean): unknown {
  if (isTensor(value) || isState(value)) return [...value.shape];
  if (ArrayBuffer.isView(value) && !keepsKind) return Array.from(value as Uint8Array);
  if (Array.isArray(value)) return value.map(item => plain(item, false));
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item, false)]));
}

// Whole numbers are claimed as they are, others to about four digits.
function close(value: unknown, claimed: unknown): boolean {
  if (typeof claimed === 'number' && typeof value === 'number') {
    if (Number.isInteger(claimed) || !Number.isFinite(claimed)) return Object.is(value, claimed);
    return Math.abs(value - claimed) <= 5e-4 * Math.max(1, Math.abs(claimed));
  }
  if (typeof claimed !== 'object' || typeof value !== 'object' || claimed === null || value === null) {
    return Object.is(value, claimed);
  }
  const [a, b] = [Object.entries(value), Object.entries(claimed)];
  const kinds = [value, claimed].map(item => Object.prototype.toString.call(item));
  return (
    kinds[0] === kinds[1] &&
    a.length === b.length &&
    b.every(([name, item], i) => name === a[i]?.[0] && close(a[i]?.[1], item))
  );
}

/** Fails the test unless `value` is what the comment says. */
export function confirm(value: unknown, claimed: () => unknown): void {
  const expected = claimed();
  const actual = plain(value, ArrayBuffer.isView(expected));
  if (!close(actual, expected)) expect(actual).toEqual(expected);
}

/** Fails the test unless `run` throws, or rejects with, the error that the comment shows. */
export async function confirmThrows(run: () => Promise<unknown>, claimed: string): Promise<void> {
  const outcome = await run().then(
    () => 'nothing was thrown',
    (error: unknown) => String(error),
  );
  expect(outcome).toBe(claimed);
}
