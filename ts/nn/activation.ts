// Activations as layers.
import { checkOptions } from '../handle';
import { gelu, leakyRelu, relu, sigmoid, silu, softmax, tanh } from '../ops.gen';
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
