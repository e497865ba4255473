// Optimizer: what all optimizers share. Parameter groups, the learning rate as state, gradients that a step consumes.
import { inspect } from 'node:util';
import type { Device } from '../device';
import { ShapeError, ValueError } from '../errors';
import { checkOptions } from '../handle';
import { zerosLike } from '../ops.gen';
import { isState, state } from '../state';
import type { State } from '../state';
import type { Tensor } from '../tensor';
import { checkRange } from './check';

/** What every optimizer can be told. */
export interface OptimizerOptions {
  /** The learning rate: the size of a step; 0.001 unless said. */
  readonly lr?: number;
}

/** Parameters with options of their own. */
export type ParamGroup<O extends OptimizerOptions> = O & { readonly params: readonly State[] };

/** The states themselves, or groups of them. */
export type Params<O extends OptimizerOptions> = readonly State[] | readonly ParamGroup<O>[];

/** How a step treats gradients. */
export interface StepOptions {
  /** Leave `.grad` as it is; a step clears it unless said. */
  readonly keepGrads?: boolean;
}

/** What an optimizer has learnt of its parameters, to be saved: options are not part of it. */
export interface OptimizerState {
  /** The learning rate of each group. */
  readonly lr: readonly number[];
  /** Moments and step counts as `0.m`, `0.step`, `1.m`, ...: parameter number and name. */
  readonly states: Readonly<Record<string, State | Tensor>>;
}

/** What one fused update is given. */
export interface Update<O> {
  readonly params: readonly State[];
  readonly grads: readonly Tensor[];
  readonly lr: State;
  readonly options: O;
  /** The cells of this name, one for each parameter. */
  cells(name: string): State[];
}

/** What a kind of optimizer keeps for each parameter: cells like the parameter, and whether it counts steps. */
export interface CellNames {
  readonly moments: readonly string[];
  readonly counts: boolean;
}

interface Group<O> {
  readonly params: readonly State[];
  readonly options: O;
  readonly lr: State;
  rate: number;
}

/** A kind of optimizer: its name, its options with defaults, checked, and what it keeps. */
export interface Kind<Given extends OptimizerOptions, O> {
  readonly name: string;
  readonly known: readonly string[];
  resolve(given: Given): O;
  cells(options: O): CellNames;
}

/**
 * Base of SGD, Adam and AdamW. `step()` updates every parameter that has a gradient, in one command for each group, and
 * clears the gradients. Groups have options of their own.
 *
 * @example
 * const groups = [{ params: model.parameters(), lr: 0.01 }];
 * const optimizer = new optim.SGD(groups, { lr: 0.1, momentum: 0.9 });
 * optimizer.lr; // 0.01
 * loss.backward();
 * optimizer.step();
 */
export abstract class Optimizer<Given extends OptimizerOptions, O> {
  readonly #kind: Kind<Given, O>;
  readonly #groups: readonly Group<O>[];
  readonly #cells = new Map<State, Record<string, State>>();

  protected constructor(kind: Kind<Given, O>, params: Params<Given>, options: Given) {
    this.#kind = kind;
    checkOptions(kind.name, options, kind.known);
    this.#groups = grouped(kind.name, params).map(({ own, special }) => {
      checkOptions(kind.name, special, kind.known);
      const given = { ...options, ...special };
      const rate = given.lr ?? 1e-3;
      checkRange(kind.name, 'lr', rate);
      return { params: own, options: kind.resolve(given), lr: state(rate, besides(own)), rate };
    });
    checkParams(kind.name, this.params);
  }

  /** Submits one update of the parameters that have a gradient. */
  protected abstract update(update: Update<O>): void;

  /** All parameters, group by group. */
  get params(): State[] {
    return this.#groups.flatMap(group => group.params);
  }

  /** The learning rate, that of the first group where they differ; setting it sets all groups. */
  get lr(): number {
    return this.#groups[0]?.rate ?? NaN;
  }

  set lr(value: number) {
    this.#setRates(this.#groups.map(() => value));
  }

  /** The learning rate of each group. */
  get groupRates(): readonly number[] {
    return this.#groups.map(group => group.rate);
  }

  set groupRates(values: readonly number[]) {
    this.#setRates(values);
  }

  /** Updates the parameters that have a gradient and clears the gradients, unless `keepGrads`. */
  step(options: StepOptions = {}): void {
    checkOptions(`${this.#kind.name}.step`, options, ['keepGrads']);
    for (const group of this.#groups) this.#stepGroup(group);
    if (options.keepGrads !== true) this.zeroGrad();
  }

  /** Clears the gradients. */
  zeroGrad(): void {
    for (const param of this.params) param.grad = undefined;
  }

  /** What has been learnt so far: the cells themselves, so read or save them before the next step. */
  stateDict(): { lr: number[]; states: Record<string, State> } {
    const states: Record<string, State> = {};
    this.params.forEach((param, i) => {
      for (const [name, cell] of Object.entries(this.#cells.get(param) ?? {})) states[`${i}.${name}`] = cell;
    });
    return { lr: this.#groups.map(group => group.rate), states };
  }

  /**
   * Goes back to what `stateDict()` gave. Throws ValueError for other groups or names and ShapeError for other shapes,
   * before anything is written.
   */
  loadStateDict(saved: OptimizerState): void {
    const op = `${this.#kind.name}.loadStateDict`;
    const loaded = this.#matched(op, saved);
    this.#setRates(saved.lr, op);
    this.#cells.clear();
    for (const [param, values] of loaded) {
      const cells = this.#cellsOf(param);
      for (const [name, value] of Object.entries(values)) cells[name]?.assign(value);
    }
  }

  #stepGroup(group: Group<O>): void {
    const params: State[] = [];
    const grads: Tensor[] = [];
    for (const param of group.params) {
      const { grad } = param;
      if (grad === undefined) continue;
      params.push(param);
      grads.push(grad);
    }
    if (params.length === 0) return;
    const cells = (name: string): State[] => {
      const found: State[] = [];
      for (const param of params) {
        const cell = this.#cellsOf(param)[name];
        if (cell !== undefined) found.push(cell);
      }
      return found;
    };
    try {
      this.update({ params, grads, lr: group.lr, options: group.options, cells });
    } finally {
      for (const grad of grads) grad.dispose();
    }
  }

  // Made at the first update of a parameter.
  #cellsOf(param: State): Record<string, State> {
    const known = this.#cells.get(param);
    if (known !== undefined) return known;
    const made: Record<string, State> = {};
    const { moments, counts } = this.#cellNames(param);
    for (const name of moments) {
      using zeros = zerosLike(param);
      made[name] = state(zeros, { device: param.device });
    }
    if (counts) made['step'] = state(0, { dtype: 'i32', device: param.device });
    this.#cells.set(param, made);
    return made;
  }

  #cellNames(param: State): CellNames {
    const group = this.#groups.find(({ params }) => params.includes(param));
    return group === undefined ? { moments: [], counts: false } : this.#kind.cells(group.options);
  }

  #setRates(values: readonly number[], op = this.#kind.name): void {
    if (values.length !== this.#groups.length) {
      throw new ValueError(
        op,
        `got ${values.length} learning rates for ${this.#groups.length} groups; give one for each`,
      );
    }
    for (const value of values) checkRange(op, 'lr', value);
    this.#groups.forEach((group, i) => {
      group.rate = values[i] ?? group.rate;
      group.lr.assign(group.rate);
    });
  }

  // The saved values by parameter; each has all of its cells or none.
  #matched(op: string, saved: OptimizerState): Map<State, Record<string, State | Tensor>> {
    const found = new Map<State, Record<string, State | Tensor>>();
    const left = new Set(Object.keys(saved.states));
    this.params.forEach((param, i) => {
      const { moments, counts } = this.#cellNames(param);
      const names = [...moments, ...(counts ? ['step'] : [])];
      const values: Record<string, State | Tensor> = {};
      for (const name of names) {
        const value = saved.states[`${i}.${name}`];
        if (value === undefined) continue;
        left.delete(`${i}.${name}`);
        checkShape(op, `${i}.${name}`, value, name === 'step' ? [] : param.shape);
        values[name] = value;
      }
      const missing = names.filter(name => values[name] === undefined);
      if (missing.length > 0 && missing.length < names.length) {
        throw new ValueError(
          op,
          `missing ${missing.map(name => `${i}.${name}`).join(', ')}; load all of a parameter or nothing`,
        );
      }
      if (names.length > 0 && missing.length === 0) found.set(param, values);
    });
    if (left.size > 0)
      throw new ValueError(op, `unexpected ${[...left].join(', ')}; use what this optimizer saved`);
    return found;
  }
}

function checkShape(op: string, name: string, value: State | Tensor, shape: readonly number[]): void {
  if (value.shape.join() === shape.join()) return;
  throw new ShapeError(op, `${name} has shape [${value.shape.join(', ')}], needs [${shape.join(', ')}]`);
}

function isGroupList<O extends OptimizerOptions>(params: Params<O>): params is readonly ParamGroup<O>[] {
  return params.some(item => typeof item === 'object' && item !== null && 'params' in item);
}

// Each group's parameters, and the options that it has of its own.
function grouped<O extends OptimizerOptions>(
  op: string,
  params: Params<O>,
): { own: readonly State[]; special: object }[] {
  if (!Array.isArray(params)) {
    throw new ValueError(
      op,
      `params must be an array of states or groups, got ${inspect(params, { depth: 0 })}`,
    );
  }
  if (!isGroupList(params)) return [{ own: params, special: {} }];
  return params.map(({ params: own, ...special }) => ({ own, special }));
}

/** Where an optimizer's own states are: with its parameters. */
const besides = (params: readonly unknown[]): { device?: Device } =>
  isState(params[0]) ? { device: params[0].device } : {};

function checkParams(op: string, params: readonly unknown[]): void {
  if (params.length === 0) throw new ValueError(op, 'got no parameters; pass model.parameters()');
  params.forEach((param, i) => {
    if (!isState(param)) {
      throw new ValueError(
        op,
        `params[${i}] must be a state, got ${inspect(param, { depth: 0 })}; pass model.parameters()`,
      );
    }
    if (params.indexOf(param) !== i)
      throw new ValueError(op, `params[${i}] is listed twice; list each state once`);
  });
}
