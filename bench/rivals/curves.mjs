// Whether the losses of two trainings from the same start are the same curve.

// Rounding differs between libraries in the last bits of f32, some 1e-7; a step multiplies a difference, and Adam, which
// divides by the size of a gradient, multiplies it most where gradients are near zero. So the first loss tells whether the
// model and the loss are equal, the first steps whether the update is, and the rest that no slow drift sets them apart.
export const EARLY_STEPS = 10;
const tolerances = {
  f32: { first: 5e-6, early: 5e-5, late: 5e-2 },
  bf16: { first: 2e-2, early: 5e-2, late: 2e-1 },
};
// Its loss falls to a hundredth within these steps: two layouts of PyTorch itself are up to 1.3e-3 apart by then.
const special = { resnet18: { f32: { early: 1e-2 } } };

export const tolerancesOf = (name, precision) => ({
  ...tolerances[precision],
  ...special[name]?.[precision],
});

/** Relative to the larger one; what is no number, or missing, is as far as can be. */
export function difference(a, b) {
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

/** The differences in the first step, the first ones and the rest, and whether they are within these tolerances. */
export function compareCurves(ours, theirs, within) {
  const differences = {
    first: largest(ours, theirs, 0, 1),
    early: largest(ours, theirs, 0, EARLY_STEPS),
    late: largest(ours, theirs, EARLY_STEPS),
  };
  const near = Object.entries(differences).every(([part, value]) => value <= within[part]);
  return { ...differences, equal: near && ours.length === theirs.length };
}
