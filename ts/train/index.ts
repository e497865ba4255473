// The train room: fit, evaluate, progress.
export { evaluate } from './evaluate';
export type { EvaluateOptions } from './evaluate';
export { fit } from './fit';
export type { EpochReport, FitOptions, History } from './fit';
export type { Loss, Metric, Stepper, Trainable } from './model';
export { Progress } from './progress';
export type { ProgressOptions, ProgressStream } from './progress';
