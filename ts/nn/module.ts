// Module: what holds parameters. They are found by property path, as in `features.0.weight`.
import type { Device } from '../device';
import { ShapeError, ValueError } from '../errors';
import { isState } from '../state';
import type { State } from '../state';
import { watched } from '../structure';
import type { Tensor } from '../tensor';

const kTraining: unique symbol = Symbol('training');

/** Anything that maps a tensor to a tensor: what `sequential` is made of. */
export interface Layer {
  forward(x: Tensor): Tensor;
}

/** Values by the paths of the states that hold them. */
export type StateDict = Record<string, State>;

/** How `loadStateDict` takes a dictionary that does not match. */
export interface LoadOptions {
  /** Throw where names are missing or unexpected; on unless said. Shapes must always match. */
  readonly strict?: boolean;
}

const isPlainRecord = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

const holdsMembers = (value: object): boolean =>
  Array.isArray(value) || isPlainRecord(value) || ('forward' in value && typeof value.forward === 'function');

/**
 * Base of models and layers. Assign states, layers, arrays or records of them to properties; whatever holds a state
 * made with `requiresGrad` is a parameter, also while it is frozen; other states are buffers. Each state counts once, under its first path.
 *
 * @example
 * class Scale extends nn.Module {
 *   factor = state([1], { requiresGrad: true });
 *   forward(x: Tensor) { return x.mul(this.factor); }
 * }
 * new Scale().parameters().length; // 1
 */
export class Module {
  // No private field: what the constructor returns, the watched object, would not have it.
  declare [kTraining]: boolean;

  constructor() {
    Object.defineProperty(this, kTraining, { value: true, writable: true, configurable: true });
    return watched(this);
  }

  /** Whether the model is being trained: dropout is the identity where it is not. */
  get training(): boolean {
    return this[kTraining];
  }

  /** Sets `training` here and in all modules inside; returns this. */
  train(mode = true): this {
    for (const module of this.modules()) module[kTraining] = mode;
    return this;
  }

  /**
   * Moves all states to a device, each the same cell as before, and returns this. An optimizer made before has its moments
   * where the parameters were: make it after.
   */
  to(device: Device): this {
    for (const [, state] of this.namedStates()) state.to(device);
    return this;
  }

  /** `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** This module and all modules inside, each once, outer before inner. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** As `modules()`, with their paths: '' for this one. */
  namedModules(): [string, Module][] {
    const found: [string, Module][] = [];
    Module.#walk(this, (path, value) => {
      if (value instanceof Module) found.push([path, value]);
    });
    return found;
  }

  /** All states with their paths, in the order of the properties. */
  namedStates(): [string, State][] {
    const found: [string, State][] = [];
    Module.#walk(this, (path, value) => {
      if (isState(value)) found.push([path, value]);
    });
    return found;
  }

  /** The states made with `requiresGrad`, frozen ones included, with their paths. */
  namedParameters(): [string, State][] {
    return this.namedStates().filter(([, state]) => state.isParameter);
  }

  /** What an optimizer takes: the states made with `requiresGrad`; those frozen since get no gradient and stay as they are. */
  parameters(): State[] {
    return this.namedParameters().map(([, state]) => state);
  }

  /** All states by path. They are the cells themselves: read them before the next step to save what they hold now. */
  stateDict(): StateDict {
    return Object.fromEntries(this.namedStates());
  }

  /**
   * Writes the values of `dict` into the states of the same paths. Throws ValueError for missing or unexpected names
   * (unless `strict: false`) and ShapeError for other shapes, in both cases before anything is written.
   */
  loadStateDict(dict: Readonly<Record<string, State | Tensor>>, options: LoadOptions = {}): void {
    const { strict = true } = options;
    const own = this.namedStates();
    const names = new Set(own.map(([name]) => name));
    const missing = own.filter(([name]) => !Object.hasOwn(dict, name)).map(([name]) => name);
    const unexpected = Object.keys(dict).filter(name => !names.has(name));
    if (strict && missing.length + unexpected.length > 0) {
      const lists = [
        missing.length > 0 ? `missing ${missing.join(', ')}` : '',
        unexpected.length > 0 ? `unexpected ${unexpected.join(', ')}` : '',
      ].filter(Boolean);
      throw new ValueError('loadStateDict', `${lists.join('; ')}; strict: false loads what matches`);
    }
    for (const [name, state] of own) checkShape(name, state, dict[name]);
    for (const [name, state] of own) {
      const value = dict[name];
      if (value !== undefined && value !== state) state.assign(value);
    }
  }

  /** What is searched for states and modules, by name: the own properties. */
  protected members(): [string, unknown][] {
    return Object.entries(this);
  }

  // Without recursion by call: a chain of ten thousand layers is no deeper than one.
  static #walk(root: Module, visit: (path: string, value: object) => void): void {
    const seen = new Set<object>();
    const pending: [string, unknown][] = [['', root]];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const [path, value] = next;
      if (typeof value !== 'object' || value === null || seen.has(value)) continue;
      seen.add(value);
      visit(path, value);
      const members =
        value instanceof Module
          ? value.members()
          : !isState(value) && holdsMembers(value)
            ? Object.entries(value)
            : [];
      for (const [name, member] of members.reverse())
        pending.push([path === '' ? name : `${path}.${name}`, member]);
    }
  }
}

function checkShape(name: string, state: State, value: State | Tensor | undefined): void {
  if (value === undefined || value.shape.join() === state.shape.join()) return;
  const [got, want] = [value, state].map(x => `[${x.shape.join(', ')}]`);
  throw new ShapeError(
    'loadStateDict',
    `${name} has shape ${want}, got a value of shape ${got}; use the same`,
  );
}

/**
 * Layers applied one after another; their names in paths are their positions.
 *
 * @example
 * const layers = new nn.Sequential(new nn.Linear(784, 64), new nn.ReLU(), new nn.Linear(64, 10));
 * layers.namedParameters().map(([name]) => name); // ['0.weight', '0.bias', '2.weight', '2.bias']
 */
export class Sequential extends Module implements Layer, Iterable<Layer> {
  readonly #layers: readonly Layer[];

  constructor(...layers: Layer[]) {
    super();
    layers.forEach((layer, i) => {
      if (typeof layer === 'object' && layer !== null && typeof layer.forward === 'function') return;
      throw new ValueError('sequential', `argument ${i} has no forward(x); pass layers`);
    });
    this.#layers = layers;
  }

  /** The number of layers. */
  get length(): number {
    return this.#layers.length;
  }

  /** The layer at a position; undefined past the end. */
  at(index: number): Layer | undefined {
    return this.#layers.at(index);
  }

  [Symbol.iterator](): Iterator<Layer> {
    return this.#layers[Symbol.iterator]();
  }

  forward(x: Tensor): Tensor {
    return this.#layers.reduce((value, layer) => layer.forward(value), x);
  }

  protected override members(): [string, unknown][] {
    return [...Object.entries(this.#layers), ...super.members()];
  }
}

/**
 * A Sequential of these layers: each is given what the one before it gave.
 *
 * @example
 * nn.sequential(new nn.Linear(784, 64), new nn.ReLU(), new nn.Linear(64, 10)).forward(zeros([8, 784])); // [8, 10]
 */
export const sequential = (...layers: Layer[]): Sequential => new Sequential(...layers);
