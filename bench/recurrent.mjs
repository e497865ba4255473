// Times of recurrent layers, forward alone and with all gradients, beside one GEMM of the same shapes in the same run:
// `recurrent [--threads N] [--rounds N]`.
import { availableParallelism, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import * as hebb from 'hebb';

const layers = [
  { name: 'LSTM', gates: 4, time: 64, batch: 32, features: 64, hidden: 256 },
  { name: 'GRU', gates: 3, time: 20, batch: 32, features: 128, hidden: 256 },
  { name: 'GRU', gates: 3, time: 1, batch: 32, features: 128, hidden: 256 },
];

function runsOf({ name, gates, time, batch, features, hidden }) {
  const { gru, lstm, matmul, normal, sum, valueAndGrad, zeros } = hebb;
  const x = normal([batch, time, features]);
  const states = Array.from({ length: gates === 4 ? 2 : 1 }, () => zeros([batch, hidden]));
  const rows = gates * hidden;
  const weights = [[rows, features], [rows, hidden], [rows], [rows]].map(shape =>
    normal(shape).div(Math.sqrt(hidden)),
  );
  const layer = gates === 4 ? lstm : gru;
  const forward = (...w) => layer(x, ...states, ...w)[0];
  const both = valueAndGrad((...w) => sum(forward(...w)), { wrt: [0, 1, 2, 3] });
  const [a, b] = [normal([batch * time, features + hidden]), normal([features + hidden, rows])];
  const label = `${name} T${time} B${batch} I${features} H${hidden}`;
  return [
    [`${label} forward`, () => forward(...weights)],
    [`${label} with gradients`, () => both(...weights)],
    [`${label} GEMM of the forward`, () => matmul(a, b)],
  ];
}

async function milliseconds(body) {
  const start = process.hrtime.bigint();
  hebb.scope(() => void body());
  await hebb.flush();
  return Number(process.hrtime.bigint() - start) / 1e6;
}

export async function main(options) {
  const { values } = parseArgs({
    args: options,
    options: { threads: { type: 'string' }, rounds: { type: 'string', default: '40' } },
  });
  const counts = values.threads ? [Number(values.threads)] : availableParallelism() > 1 ? [1, 2] : [1];
  const load = loadavg()[0];
  if (load >= 1) console.log(`bench: the load is ${load.toFixed(1)}; figures are right only below 1`);
  for (const count of counts) {
    hebb.setThreads(count);
    const runs = layers.flatMap(runsOf).map(([label, body]) => ({ label, body, times: [] }));
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const run of runs) run.times.push(await milliseconds(run.body));
    }
    for (const { label, times } of runs) {
      times.sort((a, b) => a - b);
      const [best, median] = [times[0], times[times.length >> 1]].map(time => time.toFixed(2).padStart(9));
      console.log(`${label.padEnd(44)} ${count} threads  best ${best} ms  median ${median} ms`);
    }
  }
  return 0;
}
