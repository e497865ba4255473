// Activations as layers.
import { checkOptions } from '../handle';
import { gelu, leakyRelu, relu, sigmoid, silu, softmax, tanh } from '../ops.gen';
import type { Tensor } from '../tensor';
import { checkFinite, checkInteger } from './check';
import { Module } from './module';
import type { Layer } from './module';

/** max(x, 0). */
export class ReLU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return relu(x);
  }
}

/** x where x > 0, else slope x. */
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

/** 1 / (1 + exp(-x)). */
export class Sigmoid extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** x times the standard normal distribution function of x; its tanh approximation with `tanh: true`. */
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

/** x sigmoid(x). */
export class SiLU extends Module implements Layer {
  forward(x: Tensor): Tensor {
    return silu(x);
  }
}

/** exp(x) / sum(exp(x)) along `axis`, the last one unless said. */
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
