// Counts the instructions of a kernel: sixteen bytes each, the opcode in the lowest nine bits. Which number
// means what is learnt by calibration.mjs.
const instructionBytes = 16;
const opcodeBits = 0x1ff;

/** Where loads and stores have their width: bits 73 to 75. */
function widthAt(code, at) {
  return (code[at + 9] >> 1) & 7;
}

function opcodeAt(code, at) {
  return code.readUInt16LE(at) & opcodeBits;
}

/** How often each opcode is in the code with each number for the width: `${opcode}:${width}` to a count. */
export function histogram(code) {
  if (code.length % instructionBytes !== 0) throw new Error('cubins: code is not whole instructions');
  const counts = new Map();
  for (let at = 0; at < code.length; at += instructionBytes) {
    const key = `${opcodeAt(code, at)}:${widthAt(code, at)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

/** The same by opcode alone: opcode to a count. */
export function byOpcode(counts) {
  const sums = new Map();
  for (const [key, count] of counts) {
    const opcode = Number(key.split(':')[0]);
    sums.set(opcode, (sums.get(opcode) ?? 0) + count);
  }
  return sums;
}
