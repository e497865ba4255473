// Checks of options that more than one benchmark has.

/** The number in `text`, at least `least`. */
export function numberOption(name, text, least) {
  const value = Number(text);
  if (!(value >= least)) throw new Error(`--${name} is '${text}'; use a number of ${least} and more`);
  return value;
}

/** The names of a list 'a,b' that are among `known`. */
export function listOption(name, text, known) {
  const wanted = text.split(',');
  const unknown = wanted.filter(each => !known.includes(each));
  if (unknown.length > 0) throw new Error(`--${name} has '${unknown.join(',')}'; use ${known.join(', ')}`);
  return [...new Set(wanted)];
}

/** `text`, which must be one of `known`. */
export function choiceOption(name, text, known) {
  if (known.includes(text)) return text;
  throw new Error(`--${name} is '${text}'; use ${known.join(' or ')}`);
}
