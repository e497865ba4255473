// The kernels of a cubin: their code, what they take of a multiprocessor, and which functions of the compiler
// they call.
import { sectionsOf, symbolsOf } from './elf.mjs';

const textPrefix = '.text.';
const functionType = 2;
const registerCount = 0x2f; // attributes in .nv.info: of a function's registers
const frameSize = 0x11; // and of its bytes on the stack

/** The code of each kernel by its name in the file. */
export function codeOfKernels(cubin) {
  const texts = sectionsOf(cubin).filter(({ name }) => name.startsWith(textPrefix));
  return new Map(texts.map(({ name, bytes }) => [name.slice(textPrefix.length), bytes]));
}

/** Values of an attribute by the number of the function's symbol. An entry: format, attribute, size, bytes. */
function attributes(info, wanted) {
  const found = new Map();
  const hasPayload = 4;
  for (let at = 0; at + 4 <= info.length;) {
    const size = info[at] === hasPayload ? info.readUInt16LE(at + 2) : 0;
    if (info[at] === hasPayload && info[at + 1] === wanted)
      found.set(info.readUInt32LE(at + 4), info.readUInt32LE(at + 8));
    at += 4 + size;
  }
  return found;
}

/** Names of functions that the compiler put beside kernels, as `div_u64`, by the section that each is in. */
function helpers(symbols, sections) {
  const found = new Map();
  for (const { name, type, section } of symbols) {
    const helper = /\$_*(?:cuda_sm\d+x?_)?(\w+)$/.exec(name)?.[1];
    if (type !== functionType || helper === undefined) continue;
    const list = found.get(sections[section]) ?? [];
    found.set(sections[section], [...list, helper]);
  }
  return found;
}

/** Every kernel of a cubin: symbol, code, registers, shared and local bytes, helpers. */
export function kernelsOf(cubin) {
  const sections = sectionsOf(cubin);
  const symbols = symbolsOf(sections);
  const info = sections.find(({ name }) => name === '.nv.info')?.bytes ?? Buffer.alloc(0);
  const registers = attributes(info, registerCount);
  const frames = attributes(info, frameSize);
  const called = helpers(symbols, sections);
  const numbers = new Map(symbols.map(({ name, type }, i) => [type === functionType ? name : '', i]));
  return sections
    .filter(({ name }) => name.startsWith(textPrefix))
    .map(section => {
      const symbol = section.name.slice(textPrefix.length);
      const number = numbers.get(symbol);
      if (!registers.has(number)) throw new Error(`cubins: no count of registers for ${symbol}`);
      return {
        symbol,
        code: section.bytes,
        registers: registers.get(number),
        shared: sections.find(({ name }) => name === `.nv.shared.${symbol}`)?.size ?? 0,
        local: frames.get(number) ?? 0,
        helpers: called.get(section) ?? [],
      };
    });
}
