// hebb doctor: what this machine and this installation are.
import { arch, platform, release } from 'node:os';
import { isa, memory, threads } from '../runtime';

/** Prints what a bug report needs. */
export function doctor(): void {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  const rows: [string, string][] = [
    ['platform', `${platform()} ${release()} ${arch()}`],
    ['glibc', report?.header?.glibcVersionRuntime ?? 'none'],
    ['node', process.version],
    ['instruction set', isa()],
    ['threads', String(threads())],
    ['reserved memory', `${(memory().reservedBytes / 2 ** 20).toFixed(1)} MiB`],
    ['cuda', 'not in this version'],
  ];
  for (const [name, value] of rows) console.log(`${name.padEnd(16)} ${value}`);
}
