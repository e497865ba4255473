// The nn room: modules, layers, initialisers and losses.
export {
  ELU,
  GELU,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
} from './activation';
export { MultiheadAttention } from './attention';
export type { AttentionOptions, MultiheadAttentionOptions } from './attention';
export type { Pair } from './check';
export { Conv2d } from './convolution';
export type { Conv2dOptions } from './convolution';
export { Dropout } from './dropout';
export { Embedding } from './embedding';
export { Flatten, Identity } from './flatten';
export * as init from './init';
export { Linear } from './linear';
export type { LinearOptions } from './linear';
export { bceLoss, bceWithLogits, crossEntropy, huberLoss, l1Loss, mseLoss, nllLoss } from './loss';
export type { HuberOptions, LossOptions, Shaped } from './loss';
export { Module, Sequential, sequential } from './module';
export type { Layer, LoadOptions, StateDict } from './module';
export { BatchNorm1d, BatchNorm2d, LayerNorm } from './norm';
export type { BatchNormOptions, LayerNormOptions } from './norm';
export { parameter } from './parameter';
export { AvgPool2d, GlobalAvgPool2d, MaxPool2d } from './pooling';
export type { PoolOptions } from './pooling';
export { GRU, LSTM, RNN } from './recurrent';
export type {
  HiddenState,
  LstmResult,
  LstmState,
  RecurrentOptions,
  RecurrentResult,
  RnnOptions,
} from './recurrent';
export { GRUCell, LSTMCell, RNNCell } from './recurrent-cell';
export type { CellOptions, LstmCellState, RnnCellOptions } from './recurrent-cell';
