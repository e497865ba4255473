// The update rules in plain numbers, one parameter at a time: what the fused kernels are held against.

export interface SgdRule {
  lr: number;
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
  weightDecay?: number;
  maximize?: boolean;
}

/** Follows one number through steps of SGD. */
export function sgd(rule: SgdRule): (p: number, g: number) => number {
  const { lr, momentum = 0, dampening = 0, nesterov = false, weightDecay = 0, maximize = false } = rule;
  let buffer: number | undefined;
  return (p, given) => {
    let g = (maximize ? -given : given) + weightDecay * p;
    if (momentum !== 0) {
      buffer = buffer === undefined ? g : momentum * buffer + (1 - dampening) * g;
      g = nesterov ? g + momentum * buffer : buffer;
    }
    return p - lr * g;
  };
}

export interface AdamRule {
  lr: number;
  betas?: readonly [number, number];
  eps?: number;
  weightDecay?: number;
  amsgrad?: boolean;
  decoupled: boolean;
}

/** Follows one number through steps of Adam or AdamW. */
export function adam(rule: AdamRule): (p: number, g: number) => number {
  const { lr, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false, decoupled } = rule;
  let [m, v, most, t] = [0, 0, 0, 0];
  return (p, given) => {
    t++;
    const start = decoupled ? p - lr * weightDecay * p : p;
    const g = decoupled ? given : given + weightDecay * p;
    m = betas[0] * m + (1 - betas[0]) * g;
    v = betas[1] * v + (1 - betas[1]) * g * g;
    most = Math.max(most, v);
    const scale = Math.sqrt((amsgrad ? most : v) / (1 - betas[1] ** t));
    return start - (lr * m) / (1 - betas[0] ** t) / (scale + eps);
  };
}
