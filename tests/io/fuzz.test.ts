// Thousands of damaged safetensors files: each loads or is refused with a DataError, and leaves no memory behind.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError, io, memory } from 'hebb';
import { Pcg32 } from '../../ts/data/order';
import { file } from './safetensors-file';
import { collectGarbage } from '../tensor/garbage';

const ROUNDS = 4000;

const whole = file({
  'layer.0.weight': { dtype: 'f32', shape: [3, 4], bytes: new Uint8Array(48).fill(1) },
  'layer.0.bias': { dtype: 'f16', shape: [4], bytes: new Uint8Array(8).fill(60) },
  flags: { dtype: 'bool', shape: [2, 1, 3], bytes: Uint8Array.of(0, 1, 0, 1, 1, 1) },
  count: { dtype: 'i64', shape: [], bytes: new Uint8Array(8) },
  empty: { dtype: 'u8', shape: [0, 9], bytes: new Uint8Array(0) },
});

const pieces = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '0',
  '-1',
  '9007199254740991',
  '1e9',
  'null',
  '\\u0000',
  'F64',
  '😀',
];

/** The file with one to four pieces of damage. */
function damaged(random: Pcg32): Buffer {
  let bytes = Buffer.from(whole);
  for (let count = 1 + random.below(4); count > 0; count--) {
    const at = random.below(Math.max(bytes.length, 1));
    switch (random.below(6)) {
      case 0:
        bytes[at] = random.below(256);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      case 3: {
        const piece = Buffer.from(pieces[random.below(pieces.length)] ?? '');
        bytes = Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
        break;
      }
      case 4: {
        const other = random.below(Math.max(bytes.length, 1));
        const part = bytes.subarray(other, other + 1 + random.below(40));
        bytes = Buffer.concat([bytes.subarray(0, at), part, bytes.subarray(at + random.below(40))]);
        break;
      }
      default:
        // The header's length, to values near the ends and near the truth.
        if (bytes.length >= 8)
          bytes.writeBigUInt64LE((BigInt(random.next()) << BigInt(random.below(32))) & 0xffffffffffffffffn);
    }
  }
  return bytes;
}

test(`${ROUNDS} damaged files`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hebb-fuzz-'));
  const path = join(folder, 'x');
  const random = new Pcg32(2024);
  await collectGarbage();
  const before = memory().liveBytes;
  const outcomes = { loaded: 0, refused: 0 };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const bytes = damaged(random);
      await writeFile(path, bytes);
      try {
        for (const value of (await io.loadSafetensors(path)).values()) {
          await value.read();
          value.dispose();
        }
        outcomes.loaded++;
      } catch (error) {
        if (!(error instanceof DataError)) {
          throw new Error(`round ${round}: ${String(error)} for ${bytes.toString('base64')}`, {
            cause: error,
          });
        }
        outcomes.refused++;
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  expect(memory().liveBytes).toBe(before);
  // Damage to values is none to the format; most other damage is.
  expect(outcomes.refused).toBeGreaterThan(ROUNDS / 2);
  expect(outcomes.loaded).toBeGreaterThan(ROUNDS / 50);
}, 60_000);
