// The header of a safetensors file: written, and read by a grammar of its own. JSON.parse would take the last of two equal
// names and lose what a hostile file hides in the first.
import { itemSize } from '../bytes';
import { DataError } from '../errors';
import type { DType } from '../host';

/** Where a tensor lies in the data part. */
export interface Entry {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const fileNames: Readonly<Record<DType, string>> = {
  f32: 'F32', f64: 'F64', f16: 'F16', bf16: 'BF16', i32: 'I32', i64: 'I64', u8: 'U8', bool: 'BOOL',
}; // prettier-ignore

const MAX_RANK = 8;

/** The header's bytes, padded with spaces so that the data starts at a multiple of eight. */
export function writeHeader(entries: ReadonlyMap<string, Entry>): Uint8Array {
  const parts = [...entries].map(([name, { dtype, shape, begin, end }]) => {
    const fields = { dtype: fileNames[dtype], shape, data_offsets: [begin, end] };
    return `${JSON.stringify(name)}:${JSON.stringify(fields)}`;
  });
  const text = Buffer.from(`{${parts.join(',')}}`);
  return Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, ' ')]);
}

/** Reads just what the format allows: an object of objects of strings and lists of integers. */
class HeaderParser {
  #at = 0;

  constructor(
    readonly text: string,
    readonly path: string,
  ) {}

  fail(detail: string): never {
    throw new DataError('safetensors', `${this.path}: ${detail} at character ${this.#at} of the header`, {
      path: this.path,
    });
  }

  // Skips white space, then takes `mark` if it comes next.
  take(mark: string): boolean {
    while (' \n\r\t'.includes(this.text.charAt(this.#at)) && this.#at < this.text.length) this.#at++;
    if (this.text.charAt(this.#at) !== mark) return false;
    this.#at++;
    return true;
  }

  expect(mark: string): void {
    if (!this.take(mark)) this.fail(`expected ${mark}`);
  }

  string(): string {
    this.expect('"');
    const start = this.#at - 1;
    for (;;) {
      const c = this.text.charAt(this.#at++);
      if (c === '') this.fail('a string does not end');
      if (c === '\\') this.#at++;
      if (c === '"') break;
    }
    try {
      return JSON.parse(this.text.slice(start, this.#at)) as string;
    } catch {
      return this.fail('a string has a bad escape');
    }
  }

  integers(most: number): number[] {
    const list: number[] = [];
    this.expect('[');
    if (this.take(']')) return list;
    do {
      while (this.text.charAt(this.#at) === ' ') this.#at++;
      const digits = /^(0|[1-9][0-9]{0,15})/.exec(this.text.slice(this.#at, this.#at + 17))?.[0];
      if (digits === undefined || !Number.isSafeInteger(Number(digits)))
        this.fail('expected an integer of 0..2^53 - 1');
      this.#at += digits.length;
      list.push(Number(digits));
      if (list.length > most) this.fail(`a list has more than ${most} integers`);
    } while (this.take(','));
    this.expect(']');
    return list;
  }

  // { "name": visit, ... }, each name once.
  object(visit: (name: string) => void): void {
    const seen = new Set<string>();
    this.expect('{');
    if (this.take('}')) return;
    do {
      const name = this.string();
      if (seen.has(name)) this.fail(`the name ${JSON.stringify(name).slice(0, 80)} comes twice`);
      seen.add(name);
      this.expect(':');
      visit(name);
    } while (this.take(','));
    this.expect('}');
  }

  entry(): Entry {
    let dtype: DType | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    this.object(field => {
      if (field === 'shape') shape = this.integers(MAX_RANK);
      else if (field === 'data_offsets') offsets = this.integers(2);
      else if (field === 'dtype') dtype = this.dtype();
      else this.fail(`unknown field ${JSON.stringify(field).slice(0, 80)}`);
    });
    const [begin, end] = offsets ?? [];
    if (dtype === undefined || shape === undefined || begin === undefined || end === undefined) {
      return this.fail('a tensor needs dtype, shape and two data_offsets');
    }
    return { dtype, shape, begin, end };
  }

  dtype(): DType {
    const name = this.string();
    for (const [dtype, fileName] of Object.entries(fileNames)) if (fileName === name) return dtype as DType;
    return this.fail(
      `dtype ${JSON.stringify(name).slice(0, 40)} is none of ${Object.values(fileNames).join(', ')}`,
    );
  }

  end(): void {
    if (this.text.slice(this.#at).trim() !== '') this.fail('text after the end');
  }
}

// Sizes, and offsets that leave no hole and no overlap in a data part of `size` bytes.
function checkLayout(entries: ReadonlyMap<string, Entry>, size: number, path: string): void {
  const refuse = (detail: string): never => {
    throw new DataError('safetensors', `${path}: ${detail}`, { path });
  };
  let at = 0;
  for (const [name, { dtype, shape, begin, end }] of [...entries].sort(
    (a, b) => a[1].begin - b[1].begin || a[1].end - b[1].end,
  )) {
    const label = JSON.stringify(name).slice(0, 80);
    const bytes = shape.reduce((product, extent) => product * extent, itemSize(dtype));
    if (!Number.isSafeInteger(bytes) || end - begin !== bytes) {
      refuse(
        `${label} [${shape.join(', ')}] of ${dtype} takes ${bytes} bytes, its offsets give ${end - begin}`,
      );
    }
    if (begin !== at)
      refuse(`${label} begins at byte ${begin}, expected ${at}; the data must have no holes or overlaps`);
    at = end;
  }
  if (at !== size)
    refuse(`the tensors take ${at} bytes, the file holds ${size}; it is truncated or has trailing bytes`);
}

/** The tensors of a header of a file with `size` bytes of data; throws DataError for anything the format does not allow. */
export function readHeader(bytes: Uint8Array, size: number, path: string): ReadonlyMap<string, Entry> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new DataError('safetensors', `${path}: the header is not UTF-8`, { path });
  }
  const parser = new HeaderParser(text, path);
  const entries = new Map<string, Entry>();
  parser.object(name => {
    if (name === '__metadata__') parser.object(() => void parser.string());
    else entries.set(name, parser.entry());
  });
  parser.end();
  checkLayout(entries, size, path);
  return entries;
}
