"""The operations of bench/ops in JAX: `operation(parts, description)` gives a state, a function `step(state, inputs)` as of a
training step, and `outcome(before, after)`: what comes of the first steps, by
name, given the parameters before and the state after. What a step computes stays in the
state, so that the compiler leaves nothing out; the number that it gives is to be waited for."""

import jax
from jax import lax
from jax import numpy as jnp

import jax_layers as layers
from jax_optimizers import Adam, Sgd


def first_of(x):
    return x[(0,) * x.ndim]


def conv(d, p, buffers, key):
    return layers.conv(p, "layer", p["x"], d["stride"], d["padding"], d["groups"])


def transposed(d, p, buffers, key):
    """A convolution of x with zeros between its elements by the kernel turned round, [height, width, out, in]."""
    kernel = jnp.flip(p["weight"], (0, 1))
    around = d["kernel"] - 1 - d["padding"]
    return lax.conv_general_dilated(
        p["x"],
        kernel,
        (1, 1),
        [(around, around)] * 2,
        lhs_dilation=(d["stride"], d["stride"]),
        dimension_numbers=("NHWC", "HWOI", "NHWC"),
    )


def average_pool(d, p, buffers, key):
    return lax.reduce_window(p["x"], 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), "VALID") / 4


def batch_norm(d, p, buffers, key):
    # The running statistics move in the dictionary that is given.
    return layers.batch_norm(p, buffers, "layer", p["x"])


def recurrent(layer):
    def forward(d, p, buffers, key):
        outputs = layer(p, "layer", p["x"])
        return outputs[0] if isinstance(outputs, tuple) else outputs

    return forward


def chain(d, p, buffers, key):
    x = p["x"]
    gated = jax.nn.sigmoid(x * 1.5 + 0.25) * x
    return jax.nn.relu(jnp.square(gated - 0.5) - 0.1)


# By op: the forward pass of parameters, buffers (which it may move), a random key and inputs.
forwards = {
    "linear": lambda d, p, buffers, key: p["x"] @ p["layer.weight"].T,
    "conv": conv,
    "transposed": transposed,
    "maxPool": lambda d, p, buffers, key: layers.max_pool(p["x"]),
    "averagePool": average_pool,
    "batchNorm": batch_norm,
    "layerNorm": lambda d, p, buffers, key: layers.layer_norm(p, "layer", p["x"]),
    "crossEntropy": lambda d, p, buffers, key, target: layers.cross_entropy(p["x"], target),
    "embedding": lambda d, p, buffers, key, ids: p["layer.weight"][ids],
    "rnn": recurrent(layers.rnn),
    "lstm": recurrent(layers.lstm),
    "gru": recurrent(layers.gru),
    "attention": lambda d, p, buffers, key: layers.attention(p["query"], p["key"], p["value"]),
    "chain": chain,
    "dropout": lambda d, p, buffers, key: layers.dropout(p["x"], key),
}


def zeros_like(found):
    return jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), found)


def layer_step(parts, d):
    params, buffers = parts.model()
    if d["family"] == "recurrent":
        params["x"] = params["x"].swapaxes(0, 1)
        parts.inputs = [dy.swapaxes(0, 1) for dy in parts.inputs]
    is_loss = d["op"] == "crossEntropy"

    def walk(state, inputs):
        key, now = jax.random.split(state["key"])
        given, dy = (inputs, jnp.float32(1)) if is_loss else (inputs[:-1], inputs[-1])

        def forward(params):
            moved = dict(state["buffers"])
            return forwards[d["op"]](d, params, moved, now, *given), moved

        y, back, moved = jax.vjp(forward, state["params"], has_aux=True)
        return {"buffers": moved, "key": key, "y": y, "grads": back(dy)[0]}

    def step(state, inputs):
        found = walk(state, inputs)
        loss = first_of(next(iter(found["grads"].values())))
        return {"params": state["params"], **found}, [loss]

    state = {"params": params, "buffers": buffers, "key": parts.key}
    state |= {name: zeros_like(jax.eval_shape(walk, state, parts.inputs)[name]) for name in ("y", "grads")}
    return state, step, lambda before, after: {"y": after["y"], **after["grads"]}


optimizers = {
    "sgd": lambda lr: Sgd(lr, 0.9),
    "adam": Adam,
    "adamw": lambda lr: Adam(lr, decay=0.01),
}


def update_step(parts, d):
    params, _ = parts.model()
    optimizer = optimizers[d["op"]](d["lr"])

    def step(state, inputs):
        grads = {f"list.{i}": grad for i, grad in enumerate(inputs)}
        params, moments = optimizer.update(state["params"], grads, state["moments"])
        return {"params": params, "moments": moments}, [first_of(params["list.0"])]

    def outcome(before, after):
        return {name: after["params"][name] - before[name] for name in params}

    return {"params": params, "moments": optimizer.start(params)}, step, outcome


def operation(parts, d):
    return (update_step if d["family"] == "optimizer" else layer_step)(parts, d)
