// The only loader of the addon, and the shape of what it exports.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { types } from 'node:util';
import { DeviceError, makeError } from './errors';

/** What a tensor or state holds of the native side: opaque, freed by dispose, scope or the garbage collector. */
export interface Handle {
  readonly opaque: unique symbol;
}

/** The name of an element type. */
export type DType = 'f32' | 'f64' | 'f16' | 'bf16' | 'i32' | 'i64' | 'u8' | 'bool';

/** The typed arrays that tensors are made from; a Buffer is a Uint8Array. */
export type TypedArray =
  Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint8ClampedArray;

/** One argument of an op, as the registry describes it. */
export interface ArgSchema {
  readonly name: string;
  readonly kind:
    | 'tensor'
    | 'tensor?'
    | 'tensors'
    | 'value'
    | 'number'
    | 'int'
    | 'flag'
    | 'ints'
    | 'axes'
    | 'dtype'
    | 'text'
    | 'states';
  readonly fallback?: string;
  readonly dtypes?: DTypeClass;
  readonly choices?: readonly string[];
}

export type DTypeClass = 'floats' | 'numbers' | 'integers' | 'bools' | 'all';

/** One op of the registry: what the declarations, the docs and the tests are made from. */
export interface OpSchema {
  readonly name: string;
  readonly family: string;
  readonly doc: string;
  readonly dtypes: DTypeClass;
  readonly result: 'same' | 'promote' | 'bool' | 'i32' | 'argument';
  readonly many: boolean;
  readonly writes: boolean;
  readonly noGrad: boolean;
  readonly random: boolean;
  readonly guard: boolean;
  readonly method: boolean;
  readonly args: readonly ArgSchema[];
}

/** Where memory is and ops compute. */
export type Device = 'cpu' | 'cuda';

/** Bytes and counts of one environment's memory on one device. */
export interface DeviceMemory {
  /** Bytes of all tensors and states alive, as asked for. */
  readonly liveBytes: number;
  readonly liveBlocks: number;
  /** The most `liveBytes` has been. */
  readonly peakBytes: number;
  /** Bytes held for reuse. */
  readonly cachedBytes: number;
  /** Bytes mapped from the system. */
  readonly reservedBytes: number;
  /** The most that all environments of the process may map together. */
  readonly capBytes: number;
  /** Bytes of the one block, counted in `liveBytes`, that compiled steps share: as much as the largest of them needs. */
  readonly arenaBytes: number;
}

/** The memory on the CPU, and on a GPU that is in use. */
export interface MemoryFigures extends DeviceMemory {
  /** Tensor objects that have not been disposed. */
  readonly liveTensors: number;
  readonly cuda?: DeviceMemory;
}

/** What a recorded step holds of the native side. */
export interface PlanRef {
  readonly plan: unique symbol;
}

/** A recorded step before its passes, or after one of them. */
export interface PassReport {
  /** 'recorded', or the pass. */
  readonly pass: string;
  /** One line per command. */
  readonly text: string;
  readonly commands: number;
  /** Read and written by all commands. */
  readonly bytes: number;
  readonly flops: number;
  /** What the temporaries take together. */
  readonly arenaBytes: number;
}

/** One command of a run: microseconds from its start, and what it had to do. */
export interface CommandTime {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  readonly flops: number;
  readonly bytes: number;
}

/** What a recorded step takes. */
export interface PlanFigures {
  readonly commands: number;
  readonly drawn: number;
  readonly arenaBytes: number;
  readonly forgotten: readonly string[];
}

/** A command that several methods can compute. */
export interface PlanChoice {
  /** One line that tells it apart from commands of other speed. */
  readonly key: string;
  /** Names, '' for what cannot compute it. */
  readonly methods: readonly string[];
  /** The method that its shapes choose. */
  readonly byShape: string;
}

type Done = (error?: Error) => void;

export interface Native {
  readonly ops: Readonly<Record<string, (...args: unknown[]) => never>>;
  schema(): OpSchema[];
  create(dtype: DType, shape: readonly number[], data: TypedArray, device?: Device): Handle;
  tensorDevice(handle: Handle): Device;
  tensorTo(handle: Handle, device: Device): Handle;
  describe(handle: Handle): [dtype: DType, requiresGrad: boolean, ...shape: number[]];
  read(handle: Handle, target: TypedArray, done: Done): void;
  readSync(handle: Handle, target: TypedArray): void;
  dispose(handle: Handle): void;
  isDisposed(handle: Handle): boolean;
  detach(handle: Handle): Handle;
  scopeOpen(): void;
  scopeClose(kept: readonly Handle[]): void;
  stateCreate(value: Handle, requiresGrad: boolean, device?: Device): Handle;
  stateTo(state: Handle, device: Device): void;
  stateSnapshot(state: Handle): Handle;
  stateAssign(state: Handle, value: Handle): void;
  stateGrad(state: Handle): Handle | undefined;
  stateSetGrad(state: Handle, grad: Handle | undefined): void;
  stateSetRequiresGrad(state: Handle, value: boolean): void;
  stateVersion(state: Handle): number;
  backward(loss: Handle, seed: Handle | undefined, keepGraph: boolean, createGraph: boolean): void;
  gradients(
    loss: Handle,
    seed: Handle | undefined,
    targets: readonly Handle[],
    keepGraph: boolean,
    createGraph: boolean,
  ): (Handle | undefined)[];
  leaf(handle: Handle): Handle;
  setGradEnabled(enabled: boolean): boolean;
  setPrecision(code: number): number;
  seed(seed: number): void;
  counter(): number;
  setCounter(counter: number): void;
  threads(): number;
  setThreads(count: number): void;
  setMemoryCap(bytes: number, device?: Device): void;
  setDevice(device: Device): void;
  device(): Device;
  memory(): MemoryFigures;
  flush(done: Done, takeFault: boolean): void;
  isa(): 'v2' | 'avx2' | 'avx512' | 'amx' | 'amx-emulated' | 'neon';
  drawPlace(): number;
  checkpoint(
    results: readonly Handle[],
    args: readonly Handle[],
    body: (leaves: readonly Handle[]) => Handle[],
    place: number,
  ): Handle[];
  recordBegin(args: readonly Handle[]): Handle[];
  recordEnd(
    results: readonly Handle[],
    optimise: boolean,
    methods?: Readonly<Record<string, string>>,
  ): PlanRef;
  recordAbort(): void;
  planMatches(plan: PlanRef): boolean;
  planBlanks(count: number): Handle[];
  planRun(plan: PlanRef, timed: boolean, ...handles: readonly Handle[]): boolean;
  onRoom(status: Int32Array, listener: (room: number, error?: Error) => void): void;
  planDispose(plan: PlanRef): void;
  planReports(plan: PlanRef): PassReport[];
  planTimes(plan: PlanRef): CommandTime[];
  planFigures(plan: PlanRef): PlanFigures;
  planChoices(plan: PlanRef): PlanChoice[];
  planMeasure(plan: PlanRef, index: number, times: Float64Array, done: Done): void;
  planTune(plan: PlanRef, methods: Readonly<Record<string, string>>): void;
  hold(handle: Handle): Handle;
  onError(factory: (kind: string, op: string, detail: string, site?: { stack?: string }) => Error): void;
  watch(probe: () => object, listener: (faults: number) => void): void;
  takeFault(faults: number): Error | undefined;
}

// The sources run from ts/, the build from dist/cjs/.
function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json')) || folder.endsWith('cjs')) {
    const parent = dirname(folder);
    if (parent === folder) return __dirname;
    folder = parent;
  }
  return folder;
}

// A failure in the background that nothing has read a second later is warned about, once.
const WARNING_MS = 1000;

function watchFaults(addon: Native): void {
  const probe = (): object => {
    const site = {};
    Error.captureStackTrace(site, probe);
    return site;
  };
  addon.watch(probe, faults => {
    setTimeout(() => {
      // Newer ones still have their second.
      const error = addon.takeFault(faults);
      if (error !== undefined)
        process.emitWarning(`a failure that nothing read: ${error.message}`, 'HebbWarning');
    }, WARNING_MS).unref();
  });
}

function load(): Native {
  const root = packageRoot();
  try {
    const resolve = require('node-gyp-build') as (folder: string) => Native;
    const addon = resolve(root);
    addon.onError(makeError);
    watchFaults(addon);
    return addon;
  } catch (cause) {
    const reason = types.isNativeError(cause) ? (cause.message.split('\n')[0] ?? '') : String(cause);
    throw new DeviceError(
      'hebb',
      `the native addon could not be loaded on ${process.platform}-${process.arch} from ${root} (${reason}); ` +
        'prebuilt binaries need glibc 2.34 or newer; in a checkout, npm run build makes it',
      { cause },
    );
  }
}

export const native: Native = load();
