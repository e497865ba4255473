// Medians, quantiles and bootstrap intervals.

/** The value below which the share `q` lies, between neighbours where it falls between. */
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

export const median = values => quantile(values, 0.5);

// xorshift32: intervals of the same samples are the same.
function generator() {
  let state = 0x9e3779b9;
  return limit => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** The 95 % interval of the median, by drawing the samples again 2,000 times. */
export function medianInterval(values, draws = 2000) {
  const next = generator();
  const medians = Array.from({ length: draws }, () => median(values.map(() => values[next(values.length)])));
  return [quantile(medians, 0.025), quantile(medians, 0.975)];
}

/** Five digits are more than any of these measurements has. */
export const rounded = value => (Number.isFinite(value) ? Number(value.toPrecision(5)) : value);
