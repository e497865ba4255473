// Whether the losses of two trainings from the same start are the same curve.

// Rounding differs between libraries in the last bits of f32, some 1e-7; a step multiplies a difference, and Adam, which
// divides by the size of a gradient, multiplies it most where gradients are near zero. So the first steps tell whether the
// model, the loss and the update are equal, and the rest that no slow drift sets them apart.
export const EARLY_STEPS = 10;
export const tolerances = {
  f32: { early: 1e-5, late: 5e-2 },
  bf16: { early: 2e-2, late: 2e-1 },
};

// What is no number, or missing, is as far as can be.
function difference(a, b) {
  if (!Number.isFinite(a) || !Number.isFinite(b)) return Infinity;
  return a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

/** The largest relative difference of the losses of these steps, each a list. */
function largest(ours, theirs, begin, end) {
  const steps = ours.slice(begin, end);
  return Math.max(
    0,
    ...steps.flatMap((losses, i) => losses.map((loss, k) => difference(loss, theirs[begin + i]?.[k]))),
  );
}

/** Both differences, and whether they are within the tolerances of the precision. */
export function compareCurves(ours, theirs, precision) {
  const { early, late } = tolerances[precision];
  const differences = {
    early: largest(ours, theirs, 0, EARLY_STEPS),
    late: largest(ours, theirs, EARLY_STEPS),
  };
  const equal = ours.length === theirs.length && differences.early <= early && differences.late <= late;
  return { ...differences, equal };
}
