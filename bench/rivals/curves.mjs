// Whether the losses of two trainings from the same start are the same curve.

// Rounding differs between libraries in the last bits of f32, some 1e-7; a step multiplies a difference, and Adam, which
// divides by the size of a gradient, multiplies it most where gradients are near zero. So the first steps tell whether the
// model, the loss and the update are equal, and the rest that no slow drift sets them apart.
export const EARLY_STEPS = 10;
export const tolerances = {
  f32: { early: 1e-4, late: 5e-2 },
  bf16: { early: 2e-2, late: 2e-1 },
};

/** The largest relative difference of the losses of steps, each a list, from `begin` to before `end`. */
function largest(ours, theirs, begin, end) {
  let worst = 0;
  for (let step = begin; step < Math.min(end, ours.length); step++) {
    ours[step].forEach((loss, i) => {
      const other = theirs[step]?.[i];
      const difference = Math.abs(loss - other) / Math.max(Math.abs(loss), Math.abs(other), 1e-30);
      // What is no number, or missing, is as far as can be.
      worst = Math.max(worst, loss === other ? 0 : Number.isNaN(difference) ? Infinity : difference);
    });
  }
  return worst;
}

/** Both differences, and whether they are within the tolerances of the precision. */
export function compareCurves(ours, theirs, precision) {
  const { early, late } = tolerances[precision];
  const differences = {
    early: largest(ours, theirs, 0, EARLY_STEPS),
    late: largest(ours, theirs, EARLY_STEPS, Infinity),
  };
  const equal = ours.length === theirs.length && differences.early <= early && differences.late <= late;
  return { ...differences, equal };
}
