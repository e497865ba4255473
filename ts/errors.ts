// The error classes of the library: each carries the op that refused and a message of one line.

/**
 * What every error of the library is: `message` reads `op: detail`, and `op` names what refused.
 *
 * @example
 * tensor([1, 2]).add(tensor([1, 2, 3])); // ShapeError: add: shapes [2] and [3] do not broadcast; extents must be equal or 1
 */
export class HebbError extends Error {
  readonly op: string;

  constructor(op: string, detail: string, options?: { cause?: unknown }) {
    // A printed value may have lines of its own.
    super(`${op}: ${detail}`.replace(/\s*[\r\n\u2028\u2029]\s*/g, ' '), options);
    this.op = op;
    this.name = new.target.name;
  }
}

/** Shapes, axes or lengths that do not fit together. */
export class ShapeError extends HebbError {}

/** A dtype the op does not take. */
export class DTypeError extends HebbError {}

/** A device that is missing, or operands on different devices. */
export class DeviceError extends HebbError {}

/** The memory cap was reached, or the system gave no more. */
export class OutOfMemoryError extends HebbError {}

/** A value outside its range: a negative size, a class id too large, NaN where a count is due. */
export class ValueError extends HebbError {}

/** A call at the wrong time: a disposed tensor, a closed stream, a step while recording. */
export class StateError extends HebbError {}

/** A file that is missing, truncated, too large or of another format; `path` is the file or folder. */
export class DataError extends HebbError {
  readonly path: string;

  constructor(op: string, detail: string, options: { path?: string; cause?: unknown } = {}) {
    super(op, detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.path = options.path ?? '';
  }
}

/** The kinds of error the native core reports. */
export type ErrorKind = 'shape' | 'dtype' | 'device' | 'memory' | 'value' | 'state' | 'data' | 'internal';

const classes = {
  shape: ShapeError,
  dtype: DTypeError,
  device: DeviceError,
  memory: OutOfMemoryError,
  value: ValueError,
  state: StateError,
  data: DataError,
  internal: HebbError,
} satisfies Record<ErrorKind, new (op: string, detail: string) => HebbError>;

const isKind = (kind: string): kind is ErrorKind => Object.hasOwn(classes, kind);

// The wrappers between the caller and the native op.
const internal = /[\\/](ops\.gen|native)\.(ts|js):/;

/**
 * The error of class `kind`; a kind this layer does not know gives the base class. What failed in the background has the
 * stack of `site`, where its op was called.
 */
export function makeError(kind: string, op: string, detail: string, site?: { stack?: string }): HebbError {
  const error = new (isKind(kind) ? classes[kind] : HebbError)(op, detail);
  const frames = site?.stack
    ?.split('\n')
    .slice(1)
    .filter(line => !internal.test(line));
  if (frames !== undefined && frames.length > 0) {
    error.stack = `${error.name}: ${error.message}\n${frames.join('\n')}`;
  }
  return error;
}
