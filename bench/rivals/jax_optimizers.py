"""The updates of PyTorch's optimizers in JAX: `start(params)` and `update(params, grads, state)`."""

from functools import partial

import jax
from jax import numpy as jnp

tree = jax.tree.map


def zeros(params):
    return tree(jnp.zeros_like, params)


class Sgd:
    def __init__(self, lr, momentum):
        self.lr, self.momentum = lr, momentum

    def start(self, params):
        return zeros(params)

    def update(self, params, grads, velocity):
        velocity = tree(lambda v, g: self.momentum * v + g, velocity, grads)
        return tree(lambda p, v: p - self.lr * v, params, velocity), velocity


class Adam:
    """With `decay`, AdamW: the decay shrinks the parameters themselves."""

    betas = (0.9, 0.999)
    eps = 1e-8

    def __init__(self, lr, decay=0.0):
        self.lr, self.decay = lr, decay

    def start(self, params):
        return zeros(params), zeros(params), jnp.zeros((), jnp.float32)

    def update(self, params, grads, state):
        m, v, count = state
        count = count + 1
        m = tree(partial(self.mean, self.betas[0]), m, grads)
        v = tree(lambda v, g: self.mean(self.betas[1], v, jnp.square(g)), v, grads)
        size = self.lr / (1 - self.betas[0] ** count)
        scale = jnp.sqrt(1 - self.betas[1] ** count)

        def moved(p, m, v):
            return p * (1 - self.lr * self.decay) - size * m / (jnp.sqrt(v) / scale + self.eps)

        return tree(moved, params, m, v), (m, v, count)

    @staticmethod
    def mean(beta, old, new):
        return beta * old + (1 - beta) * new
