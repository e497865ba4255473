// Multi-head attention, with the parameter names of PyTorch.
import { ShapeError, ValueError } from '../errors';
import { checkOptions } from '../handle';
import type { TensorLike } from '../handle';
import { eye, linear, scaledDotProductAttention, slice } from '../ops.gen';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkInteger, checkProbability } from './check';
import { constant, xavierUniform } from './init';
import { Linear } from './linear';
import { Module } from './module';
import type { Layer } from './module';
import { parameter } from './parameter';

/** How a MultiheadAttention is made. */
export interface MultiheadAttentionOptions {
  /** The probability to drop an attention weight while training; 0 unless said. */
  readonly dropout?: number;
  /** Add learned biases to all four projections; on unless said. */
  readonly bias?: boolean;
  /** The features of keys, where they are not those of queries. */
  readonly kdim?: number;
  /** The features of values, where they are not those of queries. */
  readonly vdim?: number;
}

/** What a query may attend to. */
export interface AttentionOptions {
  /**
   * Broadcastable to [batch, heads, queries, keys]: bool (true where the query attends to the key) or float (added to
   * the scores).
   */
  readonly mask?: Tensor | undefined;
  /** Hide key j from query i where j > i. */
  readonly causal?: boolean;
  /** Return the weights as well. */
  readonly needWeights?: boolean;
}

/** The weight of one projection, as it is now. */
type Weight = () => TensorLike;

const projected = ['query', 'key', 'value'] as const;
const parameterNames: Readonly<Record<string, string>> = {
  inProjWeight: 'in_proj_weight',
  qProjWeight: 'q_proj_weight',
  kProjWeight: 'k_proj_weight',
  vProjWeight: 'v_proj_weight',
  inProjBias: 'in_proj_bias',
  outProj: 'out_proj',
};

/**
 * Attention of `heads` heads over sequences [batch, time, embed] (Vaswani et al. 2017): queries, keys and values are
 * projected, cut into heads of embed / heads features, attended to each by itself, joined and projected. States are named
 * as in PyTorch: `in_proj_weight` [3 embed, embed] (or `q_proj_weight`, `k_proj_weight`, `v_proj_weight` where kdim or vdim
 * differ), `in_proj_bias`, `out_proj.weight`, `out_proj.bias`; they start as there, Xavier uniform and zeros. A bool mask
 * is true where a query attends to a key, everywhere in this library.
 *
 * @example
 * const attention = new nn.MultiheadAttention(64, 8);
 * const x = zeros([2, 10, 64]);
 * attention.forward(x, x, x, { causal: true }); // [2, 10, 64]
 */
export class MultiheadAttention extends Module implements Layer {
  readonly embed: number;
  readonly heads: number;
  readonly dropout: number;
  readonly inProjWeight: State | undefined;
  readonly qProjWeight: State | undefined;
  readonly kProjWeight: State | undefined;
  readonly vProjWeight: State | undefined;
  readonly inProjBias: State | undefined;
  readonly outProj: Linear;
  readonly #weights: readonly [Weight, Weight, Weight];

  constructor(embed: number, heads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const op = 'MultiheadAttention';
    checkInteger(op, 'embed', embed);
    checkInteger(op, 'heads', heads);
    checkOptions(op, options, ['dropout', 'bias', 'kdim', 'vdim']);
    const { dropout = 0, bias = true, kdim = embed, vdim = embed } = options;
    if (embed % heads !== 0) throw new ValueError(op, `heads ${heads} must divide embed ${embed}`);
    checkProbability(op, 'dropout', dropout);
    checkInteger(op, 'kdim', kdim);
    checkInteger(op, 'vdim', vdim);
    this.embed = embed;
    this.heads = heads;
    this.dropout = dropout;
    if (kdim === embed && vdim === embed) {
      const all = parameter([3 * embed, embed], xavierUniform);
      const part = (i: number) => () => slice(all, [i * embed], [(i + 1) * embed]);
      this.inProjWeight = all;
      this.#weights = [part(0), part(1), part(2)];
    } else {
      const [q, k, v] = [
        parameter([embed, embed], xavierUniform),
        parameter([embed, kdim], xavierUniform),
        parameter([embed, vdim], xavierUniform),
      ];
      [this.qProjWeight, this.kProjWeight, this.vProjWeight] = [q, k, v];
      this.#weights = [() => q, () => k, () => v];
    }
    this.inProjBias = bias ? parameter([3 * embed], target => constant(target, 0)) : undefined;
    this.outProj = new Linear(embed, embed, { bias });
    if (this.outProj.bias !== undefined) constant(this.outProj.bias, 0);
  }

  /**
   * [batch, queries, embed] of a query [batch, queries, embed], keys [batch, keys, kdim] and values [batch, keys, vdim]; key
   * is query and value is key unless said. With `needWeights` also the weights [batch, queries, keys], the mean over
   * heads and before dropout.
   */
  forward(
    query: Tensor,
    key: Tensor | undefined,
    value: Tensor | undefined,
    options: AttentionOptions & { readonly needWeights: true },
  ): [Tensor, Tensor];
  forward(
    query: Tensor,
    key?: Tensor,
    value?: Tensor,
    options?: AttentionOptions & { readonly needWeights?: false },
  ): Tensor;
  forward(
    query: Tensor,
    key: Tensor = query,
    value: Tensor = key,
    options: AttentionOptions = {},
  ): Tensor | [Tensor, Tensor] {
    checkOptions('MultiheadAttention.forward', options, ['mask', 'causal', 'needWeights']);
    const { mask, causal = false, needWeights = false } = options;
    this.#checkInputs([query, key, value]);
    const [q, k, v] = this.#project(query, key, value);
    const dropout = this.training ? this.dropout : 0;
    const attended = scaledDotProductAttention(q, k, v, mask, { causal, dropout });
    const joined = attended.swapAxes(1, 2).reshape([...query.shape.slice(0, 2), this.embed]);
    const output = this.outProj.forward(joined);
    if (!needWeights) return output;
    // What is attended to is the identity: the weights themselves.
    const weights = scaledDotProductAttention(q, k, eye(key.shape[1] ?? 0, { dtype: k.dtype }), mask, {
      causal,
    });
    return [output, weights.mean({ axis: 1 })];
  }

  protected override members(): [string, unknown][] {
    return super.members().map(([name, value]) => [parameterNames[name] ?? name, value]);
  }

  // Queries, keys and values as heads [batch, heads, time, embed / heads].
  #project(query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
    if (query === key && key === value && this.inProjWeight !== undefined) {
      const all = linear(query, this.inProjWeight, this.inProjBias);
      const [q, k, v] = all.chunk(3, { axis: -1 }).map(x => this.#cut(x));
      if (q !== undefined && k !== undefined && v !== undefined) return [q, k, v];
    }
    return [this.#projectOne(query, 0), this.#projectOne(key, 1), this.#projectOne(value, 2)];
  }

  #projectOne(x: Tensor, part: 0 | 1 | 2): Tensor {
    const { inProjBias: bias, embed } = this;
    const own = bias === undefined ? undefined : slice(bias, [part * embed], [(part + 1) * embed]);
    return this.#cut(linear(x, this.#weights[part](), own));
  }

  #cut(x: Tensor): Tensor {
    const [batch = 0, time = 0] = x.shape;
    return x.reshape([batch, time, this.heads, this.embed / this.heads]).swapAxes(1, 2);
  }

  #checkInputs(inputs: readonly Tensor[]): void {
    const features = [this.embed, this.kProjWeight?.shape[1], this.vProjWeight?.shape[1]];
    inputs.forEach((x, i) => {
      const last = features[i] ?? this.embed;
      if (x.rank === 3 && x.shape[2] === last) return;
      const got = `${projected[i] ?? ''} has shape [${x.shape.join(', ')}]`;
      throw new ShapeError('MultiheadAttention', `${got}; use [batch, time, ${last}]`);
    });
  }
}
