// RNN, LSTM and GRU one step at a time, for loops that do something between the steps.
import { checkOptions } from '../handle';
import { expandDims, gru, lstm, rnn, zeros } from '../ops.gen';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkInteger } from './check';
import { Module } from './module';
import { checkShape, makeWeights, nonlinearityOf } from './recurrent-weights';
import type { Weights } from './recurrent-weights';

/** How a recurrent cell is made. */
export interface CellOptions {
  /** Add learned biases; on unless said. */
  readonly bias?: boolean;
}

/** How an RNNCell is made. */
export interface RnnCellOptions extends CellOptions {
  /** What follows the sum; 'tanh' unless said. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** The state of an LSTMCell: two tensors [batch, hiddenSize]. */
export interface LstmCellState {
  readonly hidden: Tensor;
  readonly cell: Tensor;
}

/** What the cells share: their parameters, under PyTorch's names. */
abstract class RecurrentCell extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly weight_ih: State;
  readonly weight_hh: State;
  readonly bias_ih: State | undefined;
  readonly bias_hh: State | undefined;
  readonly #op: string;

  constructor(
    [op, gates, ownOptions]: readonly [op: string, gates: number, options: readonly string[]],
    [inputSize, hiddenSize]: readonly [number, number],
    options: CellOptions,
  ) {
    super();
    checkInteger(op, 'inputSize', inputSize);
    checkInteger(op, 'hiddenSize', hiddenSize);
    checkOptions(op, options, ['bias', ...ownOptions]);
    this.#op = op;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    const weights = makeWeights(gates, [inputSize, hiddenSize], options.bias !== false);
    [this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh] = weights;
  }

  protected get weights(): Weights {
    return [this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh];
  }

  /** x as a sequence of one step: the ops of whole sequences are the fewest commands for it. */
  protected step(x: Tensor): Tensor {
    checkShape(this.#op, 'x', x, ['batch', this.inputSize]);
    return expandDims(x, 1);
  }

  /** The state given, or zeros. */
  protected start(name: string, x: Tensor, state: Tensor | undefined): Tensor {
    const shape = [x.shape[0] ?? 0, this.hiddenSize];
    if (state === undefined) return zeros(shape, { dtype: x.dtype });
    checkShape(this.#op, name, state, shape);
    return state;
  }
}

/**
 * One step of RNN: x [batch, inputSize] and the hidden state [batch, hiddenSize], zeros unless given, to the next one.
 *
 * @example
 * new nn.RNNCell(8, 16, { nonlinearity: 'relu' }).forward(zeros([4, 8])); // [4, 16]
 */
export class RNNCell extends RecurrentCell {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RnnCellOptions = {}) {
    super(['RNNCell', 1, ['nonlinearity']], [inputSize, hiddenSize], options);
    this.nonlinearity = nonlinearityOf('RNNCell', options.nonlinearity);
  }

  forward(x: Tensor, hidden?: Tensor): Tensor {
    const { nonlinearity } = this;
    const step = this.step(x);
    const [, next] = rnn(step, this.start('hidden', x, hidden), ...this.weights, { nonlinearity });
    return next as Tensor;
  }
}

/**
 * One step of LSTM: x [batch, inputSize] and the state, two tensors [batch, hiddenSize], zeros unless given, to the next one.
 *
 * @example
 * const cell = new nn.LSTMCell(8, 16);
 * const state = cell.forward(zeros([4, 8]));
 * cell.forward(zeros([4, 8]), state).hidden; // [4, 16]
 */
export class LSTMCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(['LSTMCell', 4, []], [inputSize, hiddenSize], options);
  }

  forward(x: Tensor, state?: LstmCellState): LstmCellState {
    const step = this.step(x);
    const h = this.start('hidden', x, state?.hidden);
    const c = this.start('cell', x, state?.cell);
    const [, hidden, cell] = lstm(step, h, c, ...this.weights) as [Tensor, Tensor, Tensor];
    return { hidden, cell };
  }
}

/**
 * One step of GRU: x [batch, inputSize] and the hidden state [batch, hiddenSize], zeros unless given, to the next one.
 *
 * @example
 * const cell = new nn.GRUCell(8, 16);
 * cell.forward(zeros([4, 8]), cell.forward(zeros([4, 8]))); // [4, 16]
 */
export class GRUCell extends RecurrentCell {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(['GRUCell', 3, []], [inputSize, hiddenSize], options);
  }

  forward(x: Tensor, hidden?: Tensor): Tensor {
    const step = this.step(x);
    const [, next] = gru(step, this.start('hidden', x, hidden), ...this.weights);
    return next as Tensor;
  }
}
