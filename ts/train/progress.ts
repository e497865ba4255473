// What training shows while it runs: one line rewritten on a terminal, or few plain lines in a log.
import { ValueError } from '../errors';

/** Where progress goes: a write stream such as `process.stderr`, or anything that takes text. */
export interface ProgressStream {
  write(text: string): unknown;
  isTTY?: boolean | undefined;
  columns?: number | undefined;
}

/** `samples` is the size of one epoch; `now` gives milliseconds; `every` spaces plain lines, in seconds. */
export interface ProgressOptions {
  epochs: number;
  samples: number;
  stream?: ProgressStream;
  now?: () => number;
  color?: boolean;
  every?: number;
}

/** Values to show, in order: `{ loss: 0.31, accuracy: 0.89 }`. */
export type ProgressValues = Readonly<Record<string, number>>;

// A terminal is written to at most this often.
const REDRAW_MS = 100;
const BAR_WIDTH = 24;
const MIN_BAR_WIDTH = 6;
const DEFAULT_COLUMNS = 80;

const STYLES = { bold: [1, 22], dim: [2, 22], green: [32, 39] } as const;
type Style = keyof typeof STYLES;

/** A piece of a line; pieces of higher rank are left out first when the line is too long. */
interface Piece {
  text: string;
  rank: number;
  style?: Style;
}

function allowsColor(): boolean {
  return (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
}

/** `value` with four decimals, or in powers of ten when it is tiny or huge. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return String(value);
  return size !== 0 && (size < 1e-3 || size >= 1e5) ? value.toExponential(2) : value.toFixed(4);
}

/** `seconds` as `8.3 s`, `2:05` or `1:02:05`. */
export function formatDuration(seconds: number): string {
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

// 12345.6 as 12,346: locale data may be missing, so the commas are our own.
const formatCount = (value: number): string =>
  (value < 10 ? value.toFixed(1) : String(Math.round(value))).replace(/\B(?=(\d{3})+$)/g, ',');

const formatValues = (values: ProgressValues): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${formatValue(value)}`)
    .join('  ');

/**
 * Progress of a run of `epochs` times `samples`. On a terminal one line is rewritten, ten times a second at most,
 * and each epoch leaves one line; elsewhere there is a line per epoch and one every `every` seconds (10). It
 * writes only when called and holds no timer. Without `color`, NO_COLOR decides on terminals.
 *
 * @example
 * const progress = new Progress({ epochs: 1, samples: 128 });
 * progress.update(64, { loss: 0.9 });
 * progress.endEpoch({ loss: 0.7 });
 * progress.close();
 */
export class Progress {
  private readonly stream: ProgressStream;
  private readonly now: () => number;
  private readonly epochs: number;
  private readonly samples: number;
  private readonly isTerminal: boolean;
  private readonly hasColor: boolean;
  private readonly pause: number;
  private readonly start: number;
  private epoch = 1;
  private epochStart: number;
  private written: number;
  private isLineOpen = false;
  private isClosed = false;

  constructor(options: ProgressOptions) {
    const { epochs, samples, stream = process.stderr, now = () => performance.now(), every = 10 } = options;
    for (const [name, value] of Object.entries({ epochs, samples })) {
      if (!Number.isSafeInteger(value) || value < 0) {
        throw new ValueError('Progress', `${name} is ${value}; use an integer of 0 and more`);
      }
    }
    if (!(every >= 0))
      throw new ValueError('Progress', `every is ${every}; use a number of seconds of 0 and more`);
    this.stream = stream;
    this.now = now;
    this.epochs = epochs;
    this.samples = samples;
    this.isTerminal = stream.isTTY === true;
    this.hasColor = options.color ?? (this.isTerminal && allowsColor());
    this.pause = this.isTerminal ? REDRAW_MS : every * 1000;
    this.start = now();
    this.epochStart = this.start;
    // A terminal shows the first update at once; a log waits for its first pause to pass.
    this.written = this.isTerminal ? this.start - this.pause : this.start;
  }

  /** Tells how many samples of this epoch are done; shown only when the last line is old enough. */
  update(done: number, values: ProgressValues = {}): void {
    const time = this.now();
    if (this.isClosed || time - this.written < this.pause) return;
    this.written = time;
    if (this.isTerminal) {
      this.stream.write(`\r${this.fit(done, values, time)}\x1b[K`);
      this.isLineOpen = true;
    } else {
      this.stream.write(
        `${this.pieces(done, values, time)
          .map(({ text }) => text)
          .join('  ')}\n`,
      );
    }
  }

  /** Ends the epoch with its line of results and begins the next. */
  endEpoch(values: ProgressValues = {}): void {
    if (this.isClosed) return;
    const time = this.now();
    const seconds = (time - this.epochStart) / 1000;
    const pieces: Piece[] = [
      this.epochPiece(),
      { text: formatDuration(seconds), rank: 2, style: 'dim' },
      { text: formatValues(values), rank: 0 },
      { text: this.rate(this.samples, seconds), rank: 3, style: 'dim' },
    ];
    const line = this.join(pieces);
    this.stream.write(this.isTerminal ? `\r${line}\x1b[K\n` : `${line}\n`);
    this.isLineOpen = false;
    this.epoch += 1;
    this.epochStart = time;
    // Its line stands by itself: the next epoch may draw on a terminal at once.
    this.written = this.isTerminal ? time - this.pause : time;
  }

  /** Ends an unfinished line; later calls do nothing. */
  close(): void {
    if (this.isLineOpen) this.stream.write('\n');
    this.isLineOpen = false;
    this.isClosed = true;
  }

  private epochPiece(): Piece {
    const width = String(this.epochs).length;
    return { text: `epoch ${String(this.epoch).padStart(width)}/${this.epochs}`, rank: 0, style: 'bold' };
  }

  private rate(done: number, seconds: number): string {
    return seconds > 0 ? `${formatCount(done / seconds)} samples/s` : '';
  }

  // The rest of the run at the pace so far, epochs ended and whatever came between them included.
  private remaining(done: number, time: number): string {
    const finished = (this.epoch - 1) * this.samples + done;
    const left = Math.max(0, this.epochs * this.samples - finished);
    return finished > 0 ? `ETA ${formatDuration(((time - this.start) / 1000 / finished) * left)}` : '';
  }

  private share(done: number): number {
    return this.samples === 0 ? 1 : Math.min(1, Math.max(0, done / this.samples));
  }

  private pieces(done: number, values: ProgressValues, time: number): Piece[] {
    const pieces: Piece[] = [
      this.epochPiece(),
      { text: `${String(Math.floor(100 * this.share(done))).padStart(3)} %`, rank: 0 },
      { text: formatValues(values), rank: 1 },
      { text: this.rate(done, (time - this.epochStart) / 1000), rank: 3, style: 'dim' },
      { text: this.remaining(done, time), rank: 2, style: 'dim' },
    ];
    return pieces.filter(({ text }) => text !== '');
  }

  // The line for a terminal: a bar in what room there is, and pieces left out until the line fits. The last
  // column stays free, or some terminals would wrap.
  private fit(done: number, values: ProgressValues, time: number): string {
    const room = (this.stream.columns || DEFAULT_COLUMNS) - 1;
    const lengthOf = (list: readonly Piece[]): number =>
      list.reduce((sum, { text }) => sum + text.length + 2, -2);
    let pieces = this.pieces(done, values, time);
    for (let rank = 3; rank > 0 && lengthOf(pieces) > room; rank--) {
      pieces = pieces.filter(piece => piece.rank !== rank);
    }
    const barWidth = Math.min(BAR_WIDTH, room - lengthOf(pieces) - 2);
    if (barWidth >= MIN_BAR_WIDTH) pieces.splice(1, 0, this.bar(this.share(done), barWidth));
    if (lengthOf(pieces) <= room) return this.join(pieces);
    const line = pieces.map(({ text }) => text).join('  ');
    return line.slice(0, Math.max(0, room));
  }

  private bar(share: number, width: number): Piece {
    const full = Math.floor(share * width);
    return { text: '━'.repeat(full) + '─'.repeat(width - full), rank: 0, style: 'green' };
  }

  private join(pieces: readonly Piece[]): string {
    return pieces
      .filter(({ text }) => text !== '')
      .map(({ text, style }) => (style === undefined ? text : this.paint(text, style)))
      .join('  ');
  }

  private paint(text: string, style: Style): string {
    const [on, off] = STYLES[style];
    return this.hasColor ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  }
}
