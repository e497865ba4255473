// What Linux counts of this process, its threads and the processors.
import { readdirSync, readFileSync } from 'node:fs';

const TICK_MS = 10;

// The fields of a stat file behind the name, which may hold blanks; the first is the state.
function statOf(file) {
  const text = readFileSync(file, 'utf8');
  const close = text.lastIndexOf(')');
  return { name: text.slice(text.indexOf('(') + 1, close), fields: text.slice(close + 2).split(' ') };
}

/**
 * Minor page faults so far: of the process, and of the JavaScript thread, the executor and the pool's workers. The rest
 * are those of V8's and Node's own threads.
 */
export function pageFaults() {
  const counts = { process: process.resourceUsage().minorPageFault, main: 0, executor: 0, workers: 0 };
  for (const thread of readdirSync('/proc/self/task')) {
    const { name, fields } = statOf(`/proc/self/task/${thread}/stat`);
    const faults = Number(fields[7]);
    if (Number(thread) === process.pid) counts.main += faults;
    else if (name === 'hebb-executor') counts.executor += faults;
    else if (name.startsWith('hebb-cpu-')) counts.workers += faults;
  }
  return counts;
}

/** The most memory that this program has had, in MB. What rusage calls so is never below what its parent had. */
export function peakRssMb() {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return (Number(kilobytes) * 1024) / 1e6;
}

/** The page faults since `before`, by step. */
export function faultsPerStep(before, steps) {
  const now = pageFaults();
  return Object.fromEntries(
    Object.entries(now).map(([name, count]) => [name, (count - before[name]) / steps]),
  );
}

/** How long the JavaScript thread has run so far, in nanoseconds; waiting does not count. */
export function mainThreadNs() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
}

/** Milliseconds that all processors were busy or stolen from, and what this process took of it. */
export function processorMs() {
  const [user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const own = process.cpuUsage();
  return {
    busy: (user + nice + system + irq + softirq) * TICK_MS,
    stolen: steal * TICK_MS,
    own: (own.user + own.system) / 1000,
  };
}

/**
 * The share of the processors' time since `before` that others took than this process and those that it runs, which took
 * `childrenMs`; 0 within what the clock's ticks can tell.
 */
export function foreignShare(before, elapsedMs, processors, childrenMs = 0) {
  const now = processorMs();
  const own = now.own - before.own + childrenMs;
  const foreign = now.busy - before.busy - own + now.stolen - before.stolen;
  return foreign <= 3 * TICK_MS ? 0 : foreign / (elapsedMs * processors);
}
