// The optim room: optimizers and learning-rate schedules.
export { Adam, AdamW } from './adam';
export type { AdamOptions } from './adam';
export { clipGradNorm, clipGradValue } from './clip';
export { Optimizer } from './optimizer';
export type { OptimizerOptions, OptimizerState, ParamGroup, Params, StepOptions } from './optimizer';
export { cosineDecay, stepDecay } from './schedule';
export type { CosineOptions, Schedule } from './schedule';
export { SGD } from './sgd';
export type { SGDOptions } from './sgd';
