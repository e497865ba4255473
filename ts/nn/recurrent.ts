// RNN, LSTM and GRU over sequences [batch, time, features].
import { checkOptions } from '../handle';
import { concat, dropout, expandDims, gru, lstm, reshape, rnn, slice, zeros } from '../ops.gen';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkInteger, checkProbability } from './check';
import { Module } from './module';
import { checkShape, makeWeights, nonlinearityOf } from './recurrent-weights';
import type { Sizes, Weights } from './recurrent-weights';

/** How recurrent layers are made. */
export interface RecurrentOptions {
  /** Layers on top of each other; 1 unless said. */
  readonly layers?: number;
  /** Add learned biases; on unless said. */
  readonly bias?: boolean;
  /** Also run backwards in time; the outputs of both directions stand side by side. */
  readonly bidirectional?: boolean;
  /** While training, the probability of dropping outputs between layers; 0 unless said. */
  readonly dropout?: number;
}

/** How an RNN is made. */
export interface RnnOptions extends RecurrentOptions {
  /** What follows the sum; 'tanh' unless said. */
  readonly nonlinearity?: 'tanh' | 'relu';
}

/** What a sequence begins with: `hidden` [layers * directions, batch, hiddenSize]. */
export interface HiddenState {
  readonly hidden: Tensor;
}

/** The state of an LSTM: `cell` has the shape of `hidden`. */
export interface LstmState extends HiddenState {
  readonly cell: Tensor;
}

/** What a recurrent layer gives: `output` [batch, time, directions * hiddenSize], and the state after the last step. */
export interface RecurrentResult extends HiddenState {
  readonly output: Tensor;
}

/** What an LSTM gives. */
export interface LstmResult extends LstmState {
  readonly output: Tensor;
}

type Results = [output: Tensor, ...states: Tensor[]];

/** One layer in one direction: y, and the states after the last step. */
type Run = (x: Tensor, states: readonly Tensor[], weights: Weights, reverse: boolean) => Tensor[];

const kOptions = ['layers', 'bias', 'bidirectional', 'dropout'];

/** What RNN, LSTM and GRU share: weights by layer and direction, and how layers follow each other. */
abstract class Recurrent extends Module {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly bidirectional: boolean;
  readonly dropout: number;
  readonly #op: string;
  readonly #weights: Weights[] = [];

  constructor(
    [op, gates, ownOptions]: readonly [op: string, gates: number, options: readonly string[]],
    [inputSize, hiddenSize]: Sizes,
    options: RecurrentOptions,
  ) {
    super();
    checkInteger(op, 'inputSize', inputSize);
    checkInteger(op, 'hiddenSize', hiddenSize);
    checkOptions(op, options, [...kOptions, ...ownOptions]);
    const { layers = 1, bias = true, bidirectional = false, dropout: p = 0 } = options;
    checkInteger(op, 'layers', layers);
    checkProbability(op, 'dropout', p);
    this.#op = op;
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.layers = layers;
    this.bidirectional = bidirectional;
    this.dropout = p;
    for (let i = 0; i < layers * this.#directions; i++) {
      const below = i < this.#directions ? inputSize : hiddenSize * this.#directions;
      this.#weights.push(makeWeights(gates, [below, hiddenSize], bias));
    }
  }

  get #directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  /** The parameters by PyTorch's names: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, `weight_ih_l0_reverse`, ... */
  get weights(): Readonly<Record<string, State>> {
    const found: Record<string, State> = {};
    this.#weights.forEach((list, i) => {
      const layer = Math.floor(i / this.#directions);
      const suffix = i % this.#directions === 1 ? '_reverse' : '';
      ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh'].forEach((name, k) => {
        const weight = list[k];
        if (weight !== undefined) found[`${name}_l${layer}${suffix}`] = weight;
      });
    });
    return found;
  }

  protected override members(): [string, unknown][] {
    return [...super.members(), ...Object.entries(this.weights)];
  }

  /** The output of the last layer, and the states of all layers after the last step, in the order of `given`. */
  protected pass(x: Tensor, given: readonly (readonly [string, Tensor | undefined])[], run: Run): Results {
    checkShape(this.#op, 'x', x, ['batch', 'time', this.inputSize]);
    const [batch = 0] = x.shape;
    for (const [name, state] of given) {
      if (state) checkShape(this.#op, name, state, [this.#weights.length, batch, this.hiddenSize]);
    }
    const start = (state: Tensor | undefined, i: number): Tensor =>
      state
        ? reshape(slice(state, [i], [i + 1]), [batch, this.hiddenSize])
        : zeros([batch, this.hiddenSize], { dtype: x.dtype });
    const ends: Tensor[][] = given.map(() => []);
    let output = x;
    for (let first = 0; first < this.#weights.length; first += this.#directions) {
      const input =
        first > 0 && this.training && this.dropout > 0 ? dropout(output, { p: this.dropout }) : output;
      const sides = this.#weights.slice(first, first + this.#directions).map((weights, side) => {
        const states = given.map(([, state]) => start(state, first + side));
        const [y, ...last] = run(input, states, weights, side === 1) as Results;
        last.forEach((state, k) => ends[k]?.push(state));
        return y;
      });
      output = joined(sides, list => concat(list, { axis: -1 }));
    }
    return [
      output,
      ...ends.map(list =>
        joined(
          list.map(state => expandDims(state, 0)),
          concat,
        ),
      ),
    ];
  }
}

// A single tensor needs no copy.
function joined(list: readonly Tensor[], join: (list: readonly Tensor[]) => Tensor): Tensor {
  const [first, ...rest] = list;
  return first !== undefined && rest.length === 0 ? first : join(list);
}

/**
 * Layers of h' = tanh(W_ih x + b_ih + W_hh h + b_hh) over the steps of x [batch, time, inputSize], or with relu; from
 * zeros unless a state is given (Elman 1990). All parameters start uniform in +-1 / sqrt(hiddenSize), as in PyTorch.
 *
 * @example
 * new nn.RNN(8, 16).forward(zeros([4, 10, 8])).output; // [4, 10, 16]
 */
export class RNN extends Recurrent {
  readonly nonlinearity: 'tanh' | 'relu';

  constructor(inputSize: number, hiddenSize: number, options: RnnOptions = {}) {
    super(['RNN', 1, ['nonlinearity']], [inputSize, hiddenSize], options);
    this.nonlinearity = nonlinearityOf('RNN', options.nonlinearity);
  }

  forward(x: Tensor, state?: HiddenState): RecurrentResult {
    const { nonlinearity } = this;
    const [output, hidden] = this.pass(x, [['hidden', state?.hidden]], (input, [h], weights, reverse) =>
      rnn(input, h as Tensor, ...weights, { nonlinearity, reverse }),
    ) as [Tensor, Tensor];
    return { output, hidden };
  }
}

/**
 * Layers of gated cells c' = f c + i g, h' = o tanh(c') over the steps of x [batch, time, inputSize], where i, f and o are
 * sigmoids and g a tanh of W_ih x + b_ih + W_hh h + b_hh, stacked in this order: i, f, g, o (Hochreiter, Schmidhuber
 * 1997; Gers et al. 2000). Starts as RNN does.
 *
 * @example
 * const lstm = new nn.LSTM(8, 16, { layers: 2, bidirectional: true });
 * const { output, hidden, cell } = lstm.forward(zeros([4, 10, 8]));
 * output; // [4, 10, 32]
 * cell; // [4, 4, 16]
 * lstm.forward(zeros([4, 5, 8]), { hidden, cell }).output; // [4, 5, 32]
 */
export class LSTM extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(['LSTM', 4, []], [inputSize, hiddenSize], options);
  }

  forward(x: Tensor, state?: LstmState): LstmResult {
    const states = [
      ['hidden', state?.hidden],
      ['cell', state?.cell],
    ] as const;
    const [output, hidden, cell] = this.pass(x, states, (input, [h, c], weights, reverse) =>
      lstm(input, h as Tensor, c as Tensor, ...weights, { reverse }),
    ) as [Tensor, Tensor, Tensor];
    return { output, hidden, cell };
  }
}

/**
 * Layers of h' = (1 - z) n + z h over the steps of x [batch, time, inputSize], where r and z are sigmoids of W_ih x + b_ih +
 * W_hh h + b_hh and n = tanh(W_in x + b_in + r (W_hn h + b_hn)), stacked in the order r, z, n (Cho et al. 2014). Starts
 * as RNN does.
 *
 * @example
 * new nn.GRU(8, 16).forward(zeros([4, 10, 8])).hidden; // [1, 4, 16]
 */
export class GRU extends Recurrent {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(['GRU', 3, []], [inputSize, hiddenSize], options);
  }

  forward(x: Tensor, state?: HiddenState): RecurrentResult {
    const [output, hidden] = this.pass(x, [['hidden', state?.hidden]], (input, [h], weights, reverse) =>
      gru(input, h as Tensor, ...weights, { reverse }),
    ) as [Tensor, Tensor];
    return { output, hidden };
  }
}
