// Short names for kernels, the same in every build: `copy: transpose<unsigned char>`.
import { spawnSync } from 'node:child_process';

/** The end of what begins with `<` at `from`; a `>` inside parentheses does not count. */
function closing(text, from) {
  let depth = 0;
  let inner = 0;
  for (let at = from; at < text.length; ++at) {
    if (text[at] === '(') ++inner;
    if (text[at] === ')') --inner;
    if (inner > 0) continue;
    if (text[at] === '<') ++depth;
    if (text[at] === '>' && --depth === 0) return at + 1;
  }
  throw new Error(`cubins: not the name of a kernel: ${text}`);
}

/** The file that a kernel stands in, from the name that nvcc gives to namespaces without one. */
function familyOf(symbol) {
  return /_GLOBAL__N__[0-9a-f]+_\d+_(\w+?)_cu_[0-9a-f]+/.exec(symbol)?.[1] ?? 'unknown';
}

/** From the demangled signature of a kernel: its name and the arguments of its template. */
export function shortName(symbol, signature) {
  const plain = signature
    .replace(/\(anonymous namespace\)::/g, '')
    .replace(/\bhebb::(kernels::(cuda::)?)?/g, '')
    .replace(/^void /, '');
  const [name] = /^\w+/.exec(plain) ?? [''];
  const hasArguments = plain[name.length] === '<';
  const end = hasArguments ? closing(plain, name.length) : name.length;
  const list = plain.slice(name.length + 1, end - 1);
  return { family: familyOf(symbol), name, arguments: hasArguments ? splitArguments(list) : [] };
}

/** `a<b, c>, d` as two. */
export function splitArguments(list) {
  const parts = [''];
  let depth = 0;
  for (const letter of list) {
    if ('<('.includes(letter)) ++depth;
    if ('>)'.includes(letter)) --depth;
    if (letter === ',' && depth === 0) parts.push('');
    else parts[parts.length - 1] += letter;
  }
  return parts.map(part => part.trim());
}

export function written({ family, name, arguments: list }) {
  return `${family}: ${name}${list.length > 0 ? `<${list.join(', ')}>` : ''}`;
}

/** Short names by symbol. */
export function shortNames(symbols) {
  const { status, stdout, error } = spawnSync('c++filt', [], {
    input: symbols.join('\n'),
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (error || status !== 0) throw new Error('cubins: c++filt, which comes with the compiler, not found');
  const signatures = stdout.split('\n');
  return new Map(symbols.map((symbol, i) => [symbol, shortName(symbol, signatures[i])]));
}
