// profile(): what each command of a compiled step takes.
import { inspect } from 'node:util';
import { replaceFile } from './atomic-file';
import { isRecording, timedRun } from './compile';
import type { Step } from './compile';
import { StateError, ValueError } from './errors';
import { checkOptions } from './handle';
import { native } from './native';
import type { CommandTime, PlanRef } from './native';
import { flush } from './runtime';
import { table } from './text-table';
import { collected } from './tree';

/** How a step is profiled. */
export interface ProfileOptions {
  /** Runs that are timed, 5 unless said; one more goes first, untimed, to record and to warm up. */
  readonly runs?: number;
}

/** One command of a step: medians over the runs. */
export interface ProfiledCommand {
  readonly name: string;
  readonly ms: number;
  /** Its part of the time of all commands, 0..1. */
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  /** 10^9 floating point operations a second. */
  readonly gflops: number;
  /** 10^9 bytes read and written a second. */
  readonly gbs: number;
}

/** One command of a run, as Chrome's trace viewer and Perfetto take it: `ts` and `dur` in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly ph: 'X';
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: { readonly flops: number; readonly bytes: number };
}

/** A run in Chrome's trace event format. */
export interface Trace {
  readonly traceEvents: readonly TraceEvent[];
  readonly displayTimeUnit: 'ms';
}

type Times = readonly CommandTime[];

interface Totals {
  readonly ms: number;
  readonly flops: number;
  readonly bytes: number;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const total = (parts: readonly Totals[]): Totals => ({
  ms: sum(parts.map(({ ms }) => ms)),
  flops: sum(parts.map(({ flops }) => flops)),
  bytes: sum(parts.map(({ bytes }) => bytes)),
});

// 10^9 a second.
const rate = (amount: number, ms: number): number => (ms > 0 ? amount / ms / 1e6 : 0);

const milliseconds = ({ begin, end }: CommandTime): number => (end - begin) / 1000;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = 0, high = 0] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

function commandsOf(runs: readonly Times[]): ProfiledCommand[] {
  const [first = []] = runs;
  const commands = first.map(({ name, flops, bytes }, i) => {
    const ms = median(runs.flatMap(times => times.slice(i, i + 1).map(milliseconds)));
    return { name, ms, flops, bytes, gflops: rate(flops, ms), gbs: rate(bytes, ms) };
  });
  const { ms: all } = total(commands);
  return commands.map(command => ({ ...command, share: all > 0 ? command.ms / all : 0 }));
}

/**
 * What a compiled step took, command by command; made by `profile()`.
 *
 * @example
 * const step = compile((x: Tensor) => x.exp().sum());
 * const { commands, ms } = await profile(step, [x]);
 * commands.reduce((sum, command) => sum + command.ms, 0) === ms; // true
 */
export class Profile {
  /** In the order in which they run. */
  readonly commands: readonly ProfiledCommand[];
  /** All commands together; the gaps between them do not count. */
  readonly ms: number;
  readonly #typical: Times;

  /** From the times of runs of the same commands. */
  constructor(runs: readonly Times[]) {
    this.commands = commandsOf(runs);
    this.ms = total(this.commands).ms;
    const taken = (times: Times): number => sum(times.map(milliseconds));
    const middle = [...runs].sort((a, b) => taken(a) - taken(b))[(runs.length - 1) >> 1];
    this.#typical = middle ?? [];
  }

  /** The commands by name, those that take longest first, and all of them together, as text. */
  table(): string {
    const groups = new Map<string, ProfiledCommand[]>();
    for (const command of this.commands) {
      const group = groups.get(command.name) ?? [];
      groups.set(command.name, [...group, command]);
    }
    const row = (name: string, commands: readonly ProfiledCommand[]): string[] => {
      const { ms, flops, bytes } = total(commands);
      const share = this.ms > 0 ? (100 * ms) / this.ms : 0;
      const rates = [rate(flops, ms), rate(bytes, ms)].map(value => value.toFixed(1));
      return [name, String(commands.length), ms.toFixed(3), share.toFixed(1), ...rates];
    };
    const rows = [...groups].sort((a, b) => total(b[1]).ms - total(a[1]).ms).map(group => row(...group));
    return table([...rows, row('total', this.commands)], {
      head: ['command', 'count', 'ms', '%', 'GFLOP/s', 'GB/s'],
    });
  }

  /** The run that took the median time, for chrome://tracing and ui.perfetto.dev. */
  trace(): Trace {
    const traceEvents = this.#typical.map(({ name, begin, end, flops, bytes }) => ({
      name,
      ph: 'X' as const,
      ts: begin,
      dur: end - begin,
      pid: 1,
      tid: 1,
      args: { flops, bytes },
    }));
    return { traceEvents, displayTimeUnit: 'ms' };
  }

  /** Writes `trace()` as JSON: the file appears whole or not at all. Rejects with DataError where that fails. */
  async write(path: string): Promise<void> {
    await replaceFile('profile', path, file => file.writeFile(`${JSON.stringify(this.trace())}\n`));
  }
}

function check(args: unknown, options: ProfileOptions): number {
  if (!Array.isArray(args)) {
    throw new ValueError(
      'profile',
      `args is ${inspect(args, { depth: 0 })}; give the step's arguments as an array`,
    );
  }
  checkOptions('profile', options, ['runs']);
  const { runs = 5 } = options;
  if (!Number.isSafeInteger(runs) || runs < 1) {
    throw new ValueError('profile', `runs is ${inspect(runs, { depth: 0 })}; use an integer of 1 and more`);
  }
  if (isRecording()) {
    throw new StateError('profile', 'a step is being recorded; profile outside of compiled functions');
  }
  return runs;
}

/**
 * Runs a compiled step and tells what each of its commands took. The runs are real ones, so states change as in any call;
 * their results are freed. Rejects with the first failure while running and with ValueError for anything but a step.
 *
 * @example
 * const step = compile((x: Tensor, target: Tensor) => {
 *   const loss = nn.crossEntropy(model.forward(x), target);
 *   loss.backward();
 *   optimizer.step();
 *   return loss;
 * });
 * const times = await profile(step, [x, target], { runs: 3 });
 * console.log(times.table());
 * await times.write('step.trace.json');
 */
export async function profile<A extends readonly unknown[], R>(
  step: Step<A, R>,
  args: A,
  options: ProfileOptions = {},
): Promise<Profile> {
  const count = check(args, options);
  const runs: (readonly [plan: PlanRef, times: Times])[] = [];
  for (let i = 0; i <= count; i++) {
    const [plan, result] = await timedRun(step, args);
    try {
      await flush();
      runs.push([plan, native.planTimes(plan)]);
    } finally {
      for (const handle of collected(result).handles) native.dispose(handle);
    }
  }
  // Where gradients come and go, the first run may have been of another recording.
  const used = runs.at(-1)?.[0];
  return new Profile(runs.flatMap(([plan, times], i) => (i > 0 && plan === used ? [times] : [])));
}
