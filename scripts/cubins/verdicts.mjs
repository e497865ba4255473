// Holds kernels against what they promise.
/** How a number of instructions misses its promise, which is the least, or `{ most }`. */
function missed(name, count, promise) {
  const { least = 0, most = Infinity } = typeof promise === 'number' ? { least: promise } : (promise ?? {});
  if (count < least) return [`${count} ${name}, ${least} promised`];
  return count > most ? [`${count} ${name}, at most ${most} promised`] : [];
}

/** What is wrong with the code of one kernel, in words. */
export function problemsOf({ counts, local, helpers }, promise) {
  const inMemory = counts.LDL + counts.STL;
  const divisions = helpers.filter(name => /^(div|rem)_[us]64$/.test(name));
  return [
    ...missed('loads of 128 bits', counts['LDG.128'], promise.loads),
    ...missed('stores of 128 bits', counts['STG.128'], promise.stores),
    ...missed('shared loads of 128 bits', counts['LDS.128'], promise.sharedLoads),
    ...missed('FFMA', counts.FFMA, promise.ffma),
    ...missed('DFMA', counts.DFMA, promise.dfma),
    ...(inMemory > 0 && !promise.local ? [`${inMemory} accesses to local memory (${local} bytes)`] : []),
    ...(divisions.length > 0 && !promise.divides ? [`divisions by 64 bits: ${divisions.join(', ')}`] : []),
  ];
}

/** Problems of all kernels, each with its place in words; a kernel that promises nothing is one too. */
export function problemsOfAll(facts, promises) {
  const problems = [];
  for (const list of facts.values()) {
    for (const kernel of list) {
      const promise = promises[kernel.family]?.[kernel.name];
      const found =
        promise === undefined
          ? ['says nowhere what it promises: scripts/cubins/promises.mjs']
          : problemsOf(kernel, promise(kernel.arguments));
      problems.push(...found.map(text => `sm_${kernel.arch} ${kernel.full}: ${text}`));
    }
  }
  return problems;
}

/** Names in the table that no kernel has. */
export function idlePromises(facts, promises) {
  const present = new Set([...facts.values()].flat().map(({ family, name }) => `${family} ${name}`));
  return Object.entries(promises).flatMap(([family, kernels]) =>
    Object.keys(kernels)
      .filter(name => !present.has(`${family} ${name}`))
      .map(name => `${family}: ${name}: promised, but no such kernel`),
  );
}
