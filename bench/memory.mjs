// Resident memory and live native bytes over a training run, from step 200 on, for fit() and for a loop by hand:
// `memory [--json FILE] [--steps N]`. Fails where resident memory grows by more than 2 MB or live bytes differ.
import { measure, parse, save } from './training/run.mjs';

const LIMIT = 2e6;
const mega = bytes => (bytes / 1e6).toFixed(2);
const growth = ({ rss, liveBytes }) => [rss.atEnd - rss.at200, liveBytes.atEnd - liveBytes.at200];

export async function main(options) {
  const { json, steps } = parse(options);
  const results = [];
  for (const kind of ['fit', 'eager']) {
    const figures = await measure(kind, steps, each => growth(each)[0] <= LIMIT && growth(each)[1] === 0);
    const { rss, liveBytes, attempt, passed } = figures;
    const [rssGrowth, liveGrowth] = growth(figures);
    results.push({ kind, steps, rss, liveBytes, rssGrowth, liveGrowth, attempt, passed });
    console.log(
      `${kind.padEnd(6)} resident ${mega(rss.at200)} MB at step 200, ${mega(rssGrowth)} MB more at step ${steps};`,
    );
    console.log(`       native ${liveBytes.atEnd} bytes live, ${liveGrowth} more than at step 200`);
  }
  save(json, results);
  return results.every(({ passed }) => passed) ? 0 : 1;
}
