"""The training steps of bench/workloads in JAX: `workloads[name](parts)` gives a state and a function `step(state, inputs)`,
which gives the next state and the losses. A state is all that a step changes, random key included, and is donated to it."""

import jax
from jax import numpy as jnp

import jax_models as models
from jax_layers import bce, cross_entropy
from jax_optimizers import Adam, Sgd
from protocol import numbered, states

BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


class Parts:
    """What a step is made of: the exported weights, inputs and, for a check, the noise that is not drawn then."""

    def __init__(self, arrays, task):
        self.arrays = arrays
        self.check = task.get("check", False)
        self.inputs = [jnp.asarray(array) for array in numbered(arrays, "inputs")]
        if self.check:
            self.inputs += [jnp.asarray(array) for array in numbered(arrays, "noise")]
        implementation = "unsafe_rbg" if task["settings"].get("rbg", False) else None
        self.key = jax.random.key(1, impl=implementation)

    def model(self, index=0):
        """Parameters and buffers by name; convolutions read their weights as [height, width, in, out]."""
        parameters, buffers = {}, {}
        for name, array in states(self.arrays, index).items():
            kernels = array.ndim == 4 and name.endswith("weight")
            value = jnp.asarray(array.transpose(1, 2, 3, 0) if kernels else array)
            (buffers if name.endswith(BUFFERS) else parameters)[name] = value
        return parameters, buffers

    def draws(self, shape):
        """A function of a key and what inputs are left, to noise: that of the file for a check."""
        return lambda key, rest: rest[0] if self.check else jax.random.normal(key, shape)


def time_first(parts):
    parts.inputs = [ids.T for ids in parts.inputs]


def trainer(parts, optimizer, loss_of):
    """`loss_of(params, buffers, key, *inputs)` gives the loss and the buffers after it."""
    params, buffers = parts.model()
    state = {"params": params, "buffers": buffers, "optimizer": optimizer.start(params), "key": parts.key}

    def step(state, inputs):
        key, now = jax.random.split(state["key"])
        grad = jax.value_and_grad(loss_of, has_aux=True)
        (loss, buffers), grads = grad(state["params"], state["buffers"], now, *inputs)
        params, moments = optimizer.update(state["params"], grads, state["optimizer"])
        return {"params": params, "buffers": buffers, "optimizer": moments, "key": key}, [loss]

    return state, step


def classifier(parts, optimizer, forward):
    return trainer(
        parts, optimizer, lambda p, buffers, key, x, target: (cross_entropy(forward(p, x), target), buffers)
    )


def sgd():
    return Sgd(1e-2, 0.9)


def mlp(parts):
    return classifier(parts, Adam(1e-3), models.mlp)


def lenet(parts):
    return classifier(parts, sgd(), models.lenet)


def resnet18(parts):
    def loss_of(p, buffers, key, x, target):
        logits, buffers = models.resnet18(p, buffers, x)
        return cross_entropy(logits, target), buffers

    return trainer(parts, sgd(), loss_of)


def charlstm(parts):
    time_first(parts)
    return classifier(parts, Adam(1e-3), models.charlstm)


def seq2seq(parts):
    time_first(parts)

    def loss_of(p, buffers, key, source, target):
        return cross_entropy(models.seq2seq(p, source, target), target), buffers

    return trainer(parts, Adam(1e-3), loss_of)


def transformer(parts):
    def loss_of(p, buffers, key, ids, target):
        logits = models.transformer(p, None if parts.check else key, ids)
        return cross_entropy(logits, target), buffers

    return trainer(parts, Adam(1e-3, decay=0.01), loss_of)


def vae(parts):
    noise_of = parts.draws((len(parts.inputs[0]), 20))

    def loss_of(p, buffers, key, x, *rest):
        logits, m, v = models.vae(p, x, noise_of(key, rest))
        return bce(logits, x).sum() - 0.5 * (1 + v - jnp.square(m) - jnp.exp(v)).sum(), buffers

    return trainer(parts, Adam(1e-3), loss_of)


def gan(parts):
    optimizer = Adam(2e-4)
    (g, _), (d, _) = parts.model(0), parts.model(1)
    noise_of = parts.draws((len(parts.inputs[0]), 100))
    state = {"g": g, "d": d, "og": optimizer.start(g), "od": optimizer.start(d), "key": parts.key}

    def loss_of_d(d, real, fakes):
        return bce(models.discriminator(d, real), 1.0).mean() + bce(models.discriminator(d, fakes), 0.0).mean()

    def loss_of_g(g, d, noise):
        return bce(models.discriminator(d, models.generator(g, noise)), 1.0).mean()

    # The compiler is free to run the generator once and to leave out what the others compute and throw away.
    def step(state, inputs):
        real, *rest = inputs
        key, now = jax.random.split(state["key"])
        noise = noise_of(now, rest)
        fakes = models.generator(state["g"], noise)
        loss_d, grads = jax.value_and_grad(loss_of_d)(state["d"], real, fakes)
        d, od = optimizer.update(state["d"], grads, state["od"])
        loss_g, grads = jax.value_and_grad(loss_of_g)(state["g"], d, noise)
        g, og = optimizer.update(state["g"], grads, state["og"])
        return {"g": g, "d": d, "og": og, "od": od, "key": key}, [loss_d, loss_g]

    return state, step


workloads = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet18": resnet18,
    "charlstm": charlstm,
    "seq2seq": seq2seq,
    "transformer": transformer,
    "vae": vae,
    "gan": gan,
}
