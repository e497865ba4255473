// What a comparison with other libraries says, as data and as lines of text.
import { median, medianInterval, quantile, rounded } from '../training/statistics.mjs';
import { EARLY_STEPS } from './curves.mjs';
import { fastest } from './measure.mjs';

/** By rival: the time of its fastest setting as screened, and its name. */
function rivalTimes(screened) {
  const names = [...new Set(screened.map(({ setting }) => setting.rival))];
  const best = names.map(name => [name, fastest(screened, name)]).filter(([, found]) => found);
  return Object.fromEntries(
    best.map(([name, { ms, setting }]) => [name, { ms: rounded(ms), settings: setting.name }]),
  );
}

const screenedEntry = ({ setting, ms, firstStepMs, failure }) => ({
  rival: setting.rival,
  settings: setting.name,
  ...(failure === undefined
    ? { ms: rounded(ms), firstStepMs: rounded(firstStepMs) }
    : { failure: failure.split('\n')[0] }),
});

/** The entry of a workload in the results; `ratio` is rival / hebb, so more than 1 is how much faster hebb is. */
export function workloadReport({ name, precision, floorMs, setting, screened, measured }) {
  const { used, taken, noisy, figures } = measured;
  const ratios = used.map(({ hebb, rival }) => rival / hebb);
  const [low, high] = medianInterval(ratios);
  const times = side => used.map(each => each[side]);
  const rivals = rivalTimes(screened);
  // From the paired windows, which are longer and more than those of the screening.
  rivals[setting.rival] = { ms: rounded(median(times('rival'))), settings: setting.name };
  return {
    name,
    precision,
    hebbMs: rounded(median(times('hebb'))),
    hebbP10Ms: rounded(quantile(times('hebb'), 0.1)),
    floorMs,
    rivals,
    fastest: setting.rival,
    ratio: rounded(median(ratios)),
    ratioLow: rounded(low),
    ratioHigh: rounded(high),
    pairs: used.length,
    noisy,
    peakRssMb: rounded(figures.hebb.peakRssMb),
    rivalPeakRssMb: rounded(figures.rival.peakRssMb),
    figures,
    screened: screened.map(screenedEntry),
    samples: taken,
  };
}

const WIDTH = 14;
const row = (width, name, ...cells) => name.padEnd(width) + cells.map(text => text.padStart(10)).join('');

/** `width` of the names. */
export const head = (width = WIDTH) =>
  row(width, 'workload', 'hebb ms', 'p10', 'floor', '% floor', 'rival ms', 'MB', 'rival MB') +
  '  ratio rival / hebb';

export function workloadLine(each, width = WIDTH) {
  const { ms, settings } = each.rivals[each.fastest];
  const times = [each.hebbMs, each.hebbP10Ms, each.floorMs].map(time => time.toPrecision(4));
  const share = ((100 * each.floorMs) / each.hebbMs).toFixed(1);
  const memory = [each.peakRssMb, each.rivalPeakRssMb].map(mb => mb.toFixed(0));
  const [ratio, low, high] = [each.ratio, each.ratioLow, each.ratioHigh].map(value => value.toFixed(3));
  const quality = `${each.noisy ? 'NOISY, ' : ''}${each.pairs} pairs`;
  return (
    row(width, each.name, ...times, share, ms.toPrecision(4), ...memory) +
    `  ${ratio} [${low}, ${high}] against ${each.fastest} ${settings}; ${quality}`
  );
}

export function screenedLine({ name, screened }) {
  const parts = screened.map(({ rival, settings, ms, failure }) =>
    failure === undefined ? `${rival} ${settings} ${ms.toPrecision(4)}` : `${rival} ${settings} failed`,
  );
  return `${name}: ${parts.join(', ')} ms`;
}

export function checkLine({ name, rival, settings, steps, first, early, late, equal, failure }) {
  const verdict = equal ? 'equal' : 'DIFFERENT';
  const what =
    failure ??
    `${steps} steps, largest relative difference ${first.toExponential(1)} in the first, ` +
      `${early.toExponential(1)} in ${EARLY_STEPS}, ${late.toExponential(1)} after`;
  return `${name.padEnd(14)}${`${rival} ${settings}`.padEnd(18)}${verdict}: ${what}`;
}

export function sumsLine({ name, rival, settings, names, largest, of, equal, failure }, width) {
  const verdict = equal ? 'equal' : 'DIFFERENT';
  const what =
    failure ?? `largest relative difference ${largest.toExponential(1)} in ${of}, of ${names} sums`;
  return `${name.padEnd(width)}${`${rival} ${settings}`.padEnd(18)}${verdict}: ${what}`;
}

/** 'torch 2.13.0+cpu, jax 0.10.2'. */
export const versionsLine = versions =>
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
