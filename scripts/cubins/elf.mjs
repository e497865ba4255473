// Reads 64-bit ELF files: libraries of the host, and the cubins in them.
const headerBytes = 64;
const symbolBytes = 24;
const symbolTable = 2;

function textAt(strings, at) {
  return strings.toString('latin1', at, strings.indexOf(0, at));
}

export function isElf(file) {
  return file.length >= headerBytes && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1;
}

/** The sections of a file, in its order: name, type, link, info, bytes. */
export function sectionsOf(file) {
  if (!isElf(file)) throw new Error('elf: no 64-bit ELF file of a little-endian machine');
  const offset = Number(file.readBigUInt64LE(40));
  const [entryBytes, count, namesAt] = [58, 60, 62].map(at => file.readUInt16LE(at));
  const raw = Array.from({ length: count }, (_, i) => {
    const at = offset + i * entryBytes;
    const [from, size] = [24, 32].map(field => Number(file.readBigUInt64LE(at + field)));
    const [nameAt, type, link, info] = [0, 4, 40, 44].map(field => file.readUInt32LE(at + field));
    const isStored = type !== 8;
    return { nameAt, type, link, info, size, bytes: isStored ? file.subarray(from, from + size) : null };
  });
  const names = raw[namesAt]?.bytes;
  return raw.map(({ nameAt, ...section }) => ({ name: textAt(names, nameAt), ...section }));
}

/** The names of a file's symbols, by their number, with the number of the section that each is in. */
export function symbolsOf(sections) {
  const table = sections.find(section => section.type === symbolTable);
  if (table === undefined) return [];
  const strings = sections[table.link].bytes;
  return Array.from({ length: table.bytes.length / symbolBytes }, (_, i) => {
    const at = i * symbolBytes;
    return {
      name: textAt(strings, table.bytes.readUInt32LE(at)),
      type: table.bytes[at + 4] & 15,
      section: table.bytes.readUInt16LE(at + 6),
    };
  });
}
