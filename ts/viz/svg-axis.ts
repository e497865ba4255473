// Chart axes: where ticks stand, what they say, and where a value lands.

/** A mapping of values to pixels with its ticks. */
export interface Axis {
  ticks: readonly { at: number; label: string }[];
  place(value: number): number;
}

/** The pixels of the two ends of an axis, lowest value first. */
export type Span = readonly [number, number];

// At most this many ticks, so that labels never touch.
const MAX_TICKS = 8;

// 1, 2 or 5 times a power of ten: the smallest such step that covers `range` with at most MAX_TICKS - 1 steps.
function niceStep(range: number): number {
  const rough = range / (MAX_TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5].find(candidate => candidate * power >= rough * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** `value` as a tick shows it, with as many decimals as `step` needs. */
export function tickLabel(value: number, step: number): string {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1e6 || step < 1e-5) return String(Number(value.toPrecision(6))).replace('e+', 'e');
  return value.toFixed(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

/** An even axis that starts and ends on ticks around `low`..`high`; `whole` keeps the ticks to integers. */
export function linearAxis(low: number, high: number, [start, end]: Span, whole = false): Axis {
  if (low === high)
    return linearAxis(
      low - (Math.abs(low) / 2 || 0.5),
      high + (Math.abs(high) / 2 || 0.5),
      [start, end],
      whole,
    );
  const step = whole ? Math.max(1, niceStep(high - low)) : niceStep(high - low);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const place = (value: number): number => start + ((value / step - first) / (last - first)) * (end - start);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const value = (first + i) * step;
    return { at: place(value), label: tickLabel(value, step) };
  });
  return { ticks, place };
}

/** A logarithmic axis around `low`..`high`, both above 0, with ticks at powers of ten, or at 1, 2 and 5 times them. */
export function logAxis(low: number, high: number, [start, end]: Span): Axis {
  const lowest = Math.floor(Math.log10(low) + 1e-9);
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(high) - 1e-9));
  const decades = highest - lowest;
  const place = (value: number): number => start + ((Math.log10(value) - lowest) / decades) * (end - start);
  const every = Math.ceil(decades / (MAX_TICKS - 1));
  const factors = decades <= 2 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = lowest; power <= highest; power += every) {
    for (const factor of power === highest ? [1] : factors) {
      const value = factor * 10 ** power;
      ticks.push({
        at: place(value),
        label: power < -4 || power > 5 ? `${factor}e${power}` : tickLabel(value, 10 ** power),
      });
    }
  }
  return { ticks, place };
}
