// What `import ... from 'hebb'` gives.
export * from './ops.gen';
export { grad, noGrad, valueAndGrad } from './autograd';
export type { GradOptions } from './autograd';
export { checkpoint } from './checkpoint';
export { device, setDevice } from './device';
export type { Device } from './device';
export { compile } from './compile';
export type { CompileOptions, PassReport, Step } from './compile';
export type { Precision } from './precision';
export {
  DataError,
  DeviceError,
  DTypeError,
  HebbError,
  OutOfMemoryError,
  ShapeError,
  StateError,
  ValueError,
} from './errors';
export type { Operand, TensorLike } from './handle';
export type { HostArrays, Nested } from './host';
export type { DType, TypedArray } from './host';
export type { DeviceMemory, MemoryFigures } from './runtime';
export { profile } from './profile';
export type { Profile } from './profile';
export type { ProfiledCommand, ProfileOptions, Trace, TraceEvent } from './profile';
export { randomCounter, seed, setRandomCounter } from './random';
export { flush, isa, memory, setMemoryCap, setThreads, threads } from './runtime';
export { scope } from './scope';
export { isState, State, state } from './state';
export type { StateOptions } from './state';
export { isTensor, Tensor, tensor } from './tensor';
export type { BackwardOptions, TensorData, TensorOptions } from './tensor';
export * as data from './data';
export * as io from './io';
export * as metrics from './metrics';
export * as models from './models';
export * as nn from './nn';
export * as optim from './optim';
export * as viz from './viz';
export * from './train';
export { summary } from './viz/summary';
