// Takes the cubins out of a library or an object file of nvcc, where they lie compressed.
import { spawnSync } from 'node:child_process';
import zlib from 'node:zlib';
import { isElf, sectionsOf } from './elf.mjs';
import { installCommand } from '../toolchain.mjs';

const magic = 0xba55ed50;
const machineCode = 2;
const zstd = 0x8000n;
const lz4 = 0x2000n;
const onlyHere = 0x100000n; // code for one architecture and no later one: 90a

/** Node has zstd from release 22.15 on. */
function decompressed(bytes) {
  if (zlib.zstdDecompressSync) return zlib.zstdDecompressSync(bytes);
  const { status, stdout, error } = spawnSync('zstd', ['--decompress', '--stdout', '--quiet'], {
    input: bytes,
    maxBuffer: 1 << 30,
  });
  if (error) throw new Error(`cubins: zstd not found; run: ${installCommand(['zstd'])}`);
  if (status !== 0) throw new Error('cubins: zstd cannot read a cubin of the library');
  return stdout;
}

/** One entry of a fat binary, which begins at `at`: a cubin, or null for other code. */
function imageAt(bytes, at) {
  const [headerSize, stored, digits] = [4, 16, 28].map(field => bytes.readUInt32LE(at + field));
  const size = Number(bytes.readBigUInt64LE(at + 8));
  const flags = bytes.readBigUInt64LE(at + 40);
  const next = at + headerSize + size;
  if (bytes.readUInt16LE(at) !== machineCode) return { next, image: null };
  if (flags & lz4) throw new Error('cubins: compressed with lz4; this reads zstd, as nvcc 13 writes');
  const begin = at + headerSize;
  const code =
    flags & zstd ? decompressed(bytes.subarray(begin, begin + stored)) : bytes.subarray(begin, next);
  if (!isElf(code)) throw new Error('cubins: an image of a fat binary is no cubin');
  return { next, image: { arch: `${digits}${flags & onlyHere ? 'a' : ''}`, code } };
}

/** The cubins of a library or an object file: `{ arch, code }`. */
export function imagesOf(file) {
  const section = sectionsOf(file).find(({ name }) => name === '.nv_fatbin');
  if (section === undefined) throw new Error('cubins: the file has no section .nv_fatbin');
  const { bytes } = section;
  const images = [];
  for (let at = 0; at + 16 <= bytes.length;) {
    if (bytes.readUInt32LE(at) !== magic) {
      at += 8; // fat binaries of several object files are padded
      continue;
    }
    const end = at + bytes.readUInt16LE(at + 6) + Number(bytes.readBigUInt64LE(at + 8));
    at += bytes.readUInt16LE(at + 6);
    while (at < end) {
      const { next, image } = imageAt(bytes, at);
      if (image !== null) images.push(image);
      at = next;
    }
  }
  return images;
}

/** The release of the compiler that made a cubin, as 13.0.88. */
export function releaseOf(cubin) {
  const note = sectionsOf(cubin).find(({ name }) => name === '.note.nv.tkinfo');
  return /\bV(\d+\.\d+\.\d+)/.exec(note?.bytes.toString('latin1') ?? '')?.[1] ?? 'unknown';
}
