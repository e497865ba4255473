// The record of what each kernel takes of a multiprocessor: registers, shared bytes, local bytes.
const targets = ['75', '90a', '120'];
const header = /^# nvcc (\S+); registers\/shared\/local for (.+)$/;

const taken = ({ registers, shared, local }) => `${registers}/${shared}/${local}`;

const listed = row => targets.map(target => row[target] ?? '-').join(' ');

/** The lines of a record by kernel, each with what it takes by target. */
function tableOf(facts) {
  const rows = new Map();
  for (const target of targets) {
    for (const kernel of facts.get(target) ?? [])
      rows.set(kernel.full, { ...rows.get(kernel.full), [target]: taken(kernel) });
  }
  return rows;
}

/** The record of a library as text. */
export function recorded(facts, release) {
  const rows = [...tableOf(facts)].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = rows.map(([name, row]) => `${name} | ${listed(row)}`);
  const names = targets.map(target => `sm_${target}`).join(' ');
  return [`# nvcc ${release}; registers/shared/local for ${names}`, ...lines, ''].join('\n');
}

function parsed(text) {
  const [first, ...lines] = text.trimEnd().split('\n');
  const found = header.exec(first);
  if (found === null)
    throw new Error('cubins: the record of resources has no header; renew it with --update');
  const names = found[2].split(' ').map(name => name.slice(3));
  const rows = lines.map(line => {
    const at = line.lastIndexOf(' | ');
    const values = line.slice(at + 3).split(' ');
    return [line.slice(0, at), Object.fromEntries(names.map((name, i) => [name, values[i]]))];
  });
  return { release: found[1], rows: new Map(rows) };
}

/** How a library differs from the record; `whole`: whether it has all kernels. */
export function differences(facts, release, text, whole) {
  const record = parsed(text);
  if (record.release !== release) {
    const why = `recorded with nvcc ${record.release}, compiled with ${release}`;
    return { skipped: `resources ${why}`, problems: [] };
  }
  const problems = [];
  const rows = tableOf(facts);
  for (const [name, row] of rows) {
    const before = record.rows.get(name);
    if (before === undefined) problems.push(`${name}: not recorded, takes ${listed(row)}`);
    for (const [target, now] of Object.entries(before === undefined ? {} : row))
      if (before[target] !== now) problems.push(`sm_${target} ${name}: took ${before[target]}, takes ${now}`);
  }
  const gone = [...record.rows.keys()].filter(name => !rows.has(name));
  if (whole) problems.push(...gone.map(name => `${name}: recorded, but no such kernel`));
  return { skipped: null, problems };
}

/** Targets of the record that a library has no code for. */
export function missingTargets(facts) {
  return targets.filter(target => !facts.has(target));
}
