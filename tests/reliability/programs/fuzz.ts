// Makes wild calls in this process and judges how each ends: `fuzz.ts SEED CALLS LOG`. The log has every call before it is
// made, so that its last line is what a crash came from; the report on stdout is one line of JSON.
import { openSync, writeSync } from 'node:fs';
import * as hebb from '../../../ts';
import { kHandle } from '../../../ts/handle';
import { native } from '../../../ts/native';
import { nextCall, schema } from '../fuzz/calls';
import type { Call } from '../fuzz/calls';
import { Dice, dtypes, shown, TrapError } from '../fuzz/values';

const [seedText = '1', countText = '1000', logPath = '/dev/null'] = process.argv.slice(2);
const count = Number(countText);
const log = openSync(logPath, 'w');
const dice = new Dice(Number(seedText));

const capBytes = 96 * 2 ** 20;
const keptElements = 4096;
const poolSize = 60;
const round = 400;
const slowMs = 20_000;

const outcomes: Record<string, number> = {};
const calls: Record<string, number> = {};
const succeeded: Record<string, number> = {};
const note = (table: Record<string, number>, key: string): void => {
  table[key] = (table[key] ?? 0) + 1;
};

class Finding extends Error {}

const shapes = [
  ...[[], [1], [3], [2, 3], [3, 2], [3, 3], [2, 3, 4], [0], [0, 3], [2, 0, 3], [1, 3], [6], [4, 1]],
  ...[
    [1, 5, 5, 2],
    [2, 6, 6, 4],
    [4, 3, 3, 2],
    [3, 1, 1, 4],
    [1, 1, 1, 1],
    [4, 3, 3, 1],
    [1, 0, 5, 2],
    [2, 2, 2, 3],
  ],
  ...[[2, 2, 2, 2, 2, 2, 2, 2], [257], [33, 65], [1, 1, 1, 1, 1, 1, 1, 1]],
];

const integerDTypes = ['i32', 'i64', 'u8', 'bool'];

function someTensor(): hebb.Tensor {
  const shape = dice.of(shapes);
  const dtype = dice.chance(0.55) ? 'f32' : dice.of(dtypes);
  const size = shape.reduce((product, extent) => product * extent, 1);
  const low = dtype === 'u8' || dtype === 'bool' ? 0 : -1;
  const element = (): number => (integerDTypes.includes(dtype) ? low + dice.below(3) : dice.roll() * 4 - 2);
  const values = Float32Array.from({ length: size }, element);
  const flat = hebb.tensor(values, { shape });
  const made = hebb.cast(flat, dtype);
  const view = dice.below(8);
  if (view === 0) return made.transpose();
  if (view === 1 && made.rank > 0) return made.slice([1], [100]);
  if (view === 2 && made.rank < 8) return made.expandDims(0).broadcastTo([2, ...made.shape]);
  if (view === 3 && made.rank > 0) return made.flip();
  return made;
}

let tensors: hebb.Tensor[] = [];
let states: hebb.State[] = [];

function fillPool(): void {
  tensors = hebb.scope(() => dice.list(poolSize, someTensor));
  states = hebb.scope(() =>
    dice.list(12, () => {
      const value = someTensor();
      const trained = ['f32', 'f64'].includes(value.dtype) && dice.chance(0.7);
      return hebb.state(value, { requiresGrad: trained });
    }),
  );
  const disposed = someTensor();
  disposed.dispose();
  tensors.push(disposed);
}

function emptyPool(): void {
  for (const x of tensors) x.dispose();
  for (const cell of states) native.dispose(cell[kHandle]);
  tensors = [];
  states = [];
}

const replaced = (): number => dice.below(poolSize);

// Small results take the place of pool members, so that later calls build on them.
function keep(result: unknown, depth = 0): void {
  if (hebb.isTensor(result)) {
    if (result.isDisposed) return;
    if (result.size > keptElements || !dice.chance(0.3)) {
      result.dispose();
      return;
    }
    const place = replaced();
    const old = tensors[place];
    tensors[place] = result;
    if (old !== result) old?.dispose();
  } else if (Array.isArray(result) && depth < 2) {
    for (const item of result as readonly unknown[]) keep(item, depth + 1);
  }
}

// The rooms above tensors check what they compute with; for other junk a TypeError of the language will do.
const isRoom = (name: string): boolean =>
  /^(nn|optim|data|metrics|models|viz)\.|^(fit|evaluate|Progress|summary)$/.test(name);

function judge(error: unknown, call: Call): void {
  if (error instanceof TrapError) return note(outcomes, 'trap');
  if (isRoom(call.name) && (error instanceof TypeError || error instanceof RangeError)) {
    return note(outcomes, `${error.name} of ${call.name}`);
  }
  if (!(error instanceof hebb.HebbError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Finding(`${call.name} gave no HebbError: ${text}`);
  }
  // A base class of a room takes the name for its messages from its caller.
  const named = isRoom(call.name) || (error.op !== '' && error.message.startsWith(`${error.op}: `));
  if (!named || error.message.includes('\n')) {
    throw new Finding(`${call.name} gave a malformed message: ${JSON.stringify(error.message)}`);
  }
  if (error.constructor === hebb.HebbError)
    throw new Finding(`${call.name} gave an internal error: ${error.message}`);
  note(outcomes, error.name);
}

const pending: Promise<void>[] = [];

function make(call: Call): void {
  note(calls, call.name);
  try {
    const result = call.run();
    if (
      typeof result === 'object' &&
      result !== null &&
      'then' in result &&
      typeof result.then === 'function'
    ) {
      const judged = async (): Promise<void> => {
        try {
          keep(await (result as Promise<unknown>));
          note(outcomes, 'ok');
        } catch (error) {
          judge(error, call);
        }
      };
      pending.push(judged());
      return;
    }
    keep(result);
    note(outcomes, 'ok');
    note(succeeded, call.name.replace(/^(native|tensor|sampled)\./, ''));
  } catch (error) {
    judge(error, call);
  }
}

async function settle(call: Call): Promise<void> {
  try {
    await hebb.flush();
  } catch (error) {
    judge(error, call);
  }
  await Promise.all(pending.splice(0));
}

// The callers of the last ops that may fail while running are remembered, and with them what their stacks hold.
const rememberedCallers = 256;

function forgetCallers(): void {
  const ids = hebb.tensor([0, 1], { dtype: 'i32' });
  for (let i = 0; i < rememberedCallers; i++) hebb.oneHot(ids, 2).dispose();
  ids.dispose();
}

// Native memory of objects that only the collector can free comes back over a few turns.
async function checkBalance(baseline: hebb.MemoryFigures): Promise<void> {
  let now = hebb.memory();
  const balanced = (): boolean =>
    now.liveBytes === baseline.liveBytes && now.liveBlocks === baseline.liveBlocks;
  for (let turn = 0; turn < 30 && !balanced(); turn++) {
    globalThis.gc?.();
    await new Promise(resolve => setImmediate(resolve));
    now = hebb.memory();
  }
  if (!balanced()) {
    throw new Finding(
      `${now.liveBytes - baseline.liveBytes} bytes in ${now.liveBlocks - baseline.liveBlocks} blocks leaked`,
    );
  }
}

async function checkSound(sentinel: hebb.Tensor): Promise<void> {
  const read = await sentinel.read();
  if (read.some((value, i) => Number(value) !== i))
    throw new Finding('a tensor that nobody wrote has changed');
  const two = hebb.ones([3]).add(1);
  if (two.readSync().some(value => Number(value) !== 2)) throw new Finding('1 + 1 is no longer 2');
  two.dispose();
  if (native.setGradEnabled(true) !== true) throw new Finding('recording was left switched off');
}

async function main(): Promise<void> {
  hebb.setMemoryCap(capBytes);
  hebb.setThreads(2);
  hebb.seed(1);
  const sentinel = hebb.tensor(Float32Array.from({ length: 1000 }, (_, i) => i));
  await sentinel.read();
  const baseline = hebb.memory();
  let call: Call = { name: 'none', args: [], run: () => undefined };
  let at = 0;
  try {
    for (; at < count; at++) {
      if (at % round === 0) fillPool();
      call = nextCall(dice, { tensors, states });
      writeSync(log, `${at} ${call.name}(${call.args.map(arg => shown(arg)).join(', ')})\n`);
      const began = performance.now();
      make(call);
      if (performance.now() - began > slowMs)
        throw new Finding(`${call.name} took ${performance.now() - began} ms`);
      if (dice.chance(0.05)) await settle(call);
      if (at % round === round - 1 || at === count - 1) {
        await settle(call);
        await checkSound(sentinel);
        emptyPool();
        forgetCallers();
        await checkBalance(baseline);
      }
    }
  } catch (error) {
    process.stderr.write(
      `seed ${seedText} call ${at}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    process.exitCode = 1;
  }
  const neverOk = schema.map(op => op.name).filter(name => succeeded[name] === undefined);
  process.stdout.write(
    `${JSON.stringify({ made: at, kinds: Object.keys(calls).length, neverOk, outcomes })}\n`,
  );
}

void main();
