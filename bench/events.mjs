// How late the event loop runs while a network trains, in milliseconds: `events [--json FILE] [--steps N]`. Fails where the
// 99th percentile is 10 ms or more.
import { measure, parse, save } from './training/run.mjs';

const LIMIT = 10;

export async function main(options) {
  const { json, steps } = parse(options);
  const results = [];
  for (const kind of ['fit', 'eager']) {
    const { events, seconds, attempt, passed } = await measure(kind, steps, each => each.events.p99 < LIMIT);
    results.push({ kind, steps, seconds, ...events, attempt, passed });
    console.log(
      `${kind.padEnd(6)} p50 ${events.p50} ms, p99 ${events.p99} ms, max ${events.max} ms in ${seconds} s`,
    );
  }
  save(json, results);
  return results.every(({ passed }) => passed) ? 0 : 1;
}
