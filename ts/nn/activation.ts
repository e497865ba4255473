// Activations as layers.
import { checkOptions } from '../handle';
import {
  elu,
  gelu,
  leakyRelu,
  logSoftmax,
  relu,
  selu,
  sigmoid,
  silu,
  softmax,
  softplus,
  tanh,
} from '../ops.gen';
import type { Tensor } from '../tensor';
import { checkFinite, checkInteger } from './check';
import { Module } from './module';
import type { Layer } from './module';

/**
 * max(x, 0); the gradient at 0 is 0.
 *
 * @example
 * await new nn.ReLU().forward(tensor([-1, 2])).read(); // Float32Array [0, 2]
 */
export class ReLU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/**
 * x where x > 0, else slope x; `slope` is 0.01 unless said, as in PyTorch (Maas, Hannun, Ng 2013).
 *
 * @example
 * await new nn.LeakyReLU({ slope: 0.2 }).forward(tensor([-5, 2])).read(); // Float32Array [-1, 2]
 */
export class LeakyReLU extends Module implements Layer {
  readonly slope: number;

  constructor(options: { readonly slope?: number } = {}) {
    super();
    checkOptions('LeakyReLU', options, ['slope']);
    this.slope = options.slope ?? 0.01;
    checkFinite('LeakyReLU', 'slope', this.slope);
  }

  forward(x: Tensor): Tensor {
    return leakyRelu(x, { slope: this.slope });
  }
}

/**
 * x where x > 0, else alpha (exp(x) - 1); `alpha` is 1 unless said (Clevert, Unterthiner, Hochreiter 2015).
 *
 * @example
 * await new nn.ELU().forward(tensor([-1, 2])).read(); // Float32Array [-0.6321, 2]
 */
export class ELU extends Module implements Layer {
  readonly alpha: number;

  constructor(options: { readonly alpha?: number } = {}) {
    super();
    checkOptions('ELU', options, ['alpha']);
    this.alpha = options.alpha ?? 1;
    checkFinite('ELU', 'alpha', this.alpha);
  }

  forward(x: Tensor): Tensor {
    return elu(x, { alpha: this.alpha });
  }
}

/**
 * 1.0507 x where x > 0, else 1.7581 (exp(x) - 1): keeps mean 0 and variance 1 (Klambauer et al. 2017).
 *
 * @example
 * await new nn.SELU().forward(tensor([-1, 2])).read(); // Float32Array [-1.1113, 2.1014]
 */
export class SELU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return selu(x);
  }
}

/**
 * log(1 + exp(x)), a smooth max(x, 0).
 *
 * @example
 * await new nn.Softplus().forward(tensor([0, 100])).read(); // Float32Array [0.6931, 100]
 */
export class Softplus extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return softplus(x);
  }
}

/**
 * 1 / (1 + exp(-x)).
 *
 * @example
 * await new nn.Sigmoid().forward(tensor([0, 1])).read(); // Float32Array [0.5, 0.7311]
 */
export class Sigmoid extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/**
 * (exp(x) - exp(-x)) / (exp(x) + exp(-x)).
 *
 * @example
 * await new nn.Tanh().forward(tensor([0, 1])).read(); // Float32Array [0, 0.7616]
 */
export class Tanh extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/**
 * x Phi(x), Phi being the standard normal distribution function (Hendrycks and Gimpel 2016); with `tanh: true` the
 * approximation x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
 *
 * @example
 * await new nn.GELU().forward(tensor([0, 1])).read(); // Float32Array [0, 0.8413]
 */
export class GELU extends Module implements Layer {
  readonly tanh: boolean;

  constructor(options: { readonly tanh?: boolean } = {}) {
    super();
    checkOptions('GELU', options, ['tanh']);
    this.tanh = options.tanh ?? false;
  }

  forward(x: Tensor): Tensor {
    return gelu(x, { tanh: this.tanh });
  }
}

/**
 * x / (1 + exp(-x)), also called swish.
 *
 * @example
 * await new nn.SiLU().forward(tensor([0, 1])).read(); // Float32Array [0, 0.7311]
 */
export class SiLU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/**
 * exp(x) / sum(exp(x)) along `axis`, the last one unless said; each slice sums to 1. `crossEntropy` takes the logits
 * instead.
 *
 * @example
 * await new nn.Softmax().forward(tensor([[0, 0, 0, 0]])).read(); // Float32Array [0.25, 0.25, 0.25, 0.25]
 */
export class Softmax extends Module implements Layer {
  readonly axis: number;

  constructor(options: { readonly axis?: number } = {}) {
    super();
    checkOptions('Softmax', options, ['axis']);
    this.axis = options.axis ?? -1;
    checkInteger('Softmax', 'axis', this.axis, -8);
  }

  forward(x: Tensor): Tensor {
    return softmax(x, { axis: this.axis });
  }
}

/**
 * log(exp(x) / sum(exp(x))) along `axis`, the last one unless said, without overflow; `nllLoss` takes it.
 *
 * @example
 * await new nn.LogSoftmax().forward(tensor([[0, 0]])).read(); // Float32Array [-0.6931, -0.6931]
 */
export class LogSoftmax extends Module implements Layer {
  readonly axis: number;

  constructor(options: { readonly axis?: number } = {}) {
    super();
    checkOptions('LogSoftmax', options, ['axis']);
    this.axis = options.axis ?? -1;
    checkInteger('LogSoftmax', 'axis', this.axis, -8);
  }

  forward(x: Tensor): Tensor {
    return logSoftmax(x, { axis: this.axis });
  }
}
