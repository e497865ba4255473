// safetensors files written by hand, as the format's description says.
import type { DType } from 'hebb';

/** One tensor of a file. */
export interface Part {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const dtypeNames: Readonly<Record<DType, string>> = {
  f32: 'F32', f64: 'F64', f16: 'F16', bf16: 'BF16', i32: 'I32', i64: 'I64', u8: 'U8', bool: 'BOOL',
}; // prettier-ignore

/** The length and the text, padded to eight. */
export function header(text: string): Buffer {
  const bytes = Buffer.from(text);
  const padded = Buffer.concat([bytes, Buffer.alloc((8 - (bytes.length % 8)) % 8, ' ')]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([length, padded]);
}

/** A file of these tensors, in their order. */
export function file(parts: Readonly<Record<string, Part>>): Buffer {
  let at = 0;
  const entries: Record<string, unknown> = {};
  for (const [name, { dtype, shape, bytes }] of Object.entries(parts)) {
    entries[name] = { dtype: dtypeNames[dtype], shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  return Buffer.concat([header(JSON.stringify(entries)), ...Object.values(parts).map(({ bytes }) => bytes)]);
}
