"""The layers of bench/workloads in JAX; `p` holds the parameters by hebb's paths, in its layouts but for convolutions."""

import jax
from jax import lax
from jax import numpy as jnp


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def conv(p, name, x, stride=1, padding=0, groups=1):
    """x [batch, height, width, channels], the weight [height, width, in / groups, out]."""
    y = lax.conv_general_dilated(
        x,
        p[f"{name}.weight"],
        (stride, stride),
        [(padding, padding)] * 2,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )
    bias = p.get(f"{name}.bias")
    return y if bias is None else y + bias


def max_pool(x):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def batch_norm(p, buffers, name, x):
    """Normalises by the statistics of the batch, and moves the running ones in `buffers` towards them."""
    mean = x.mean((0, 1, 2))
    variance = jnp.square(x - mean).mean((0, 1, 2))
    count = x.size // x.shape[-1]
    moved = {
        "running_mean": 0.9 * buffers[f"{name}.running_mean"] + 0.1 * mean,
        "running_var": 0.9 * buffers[f"{name}.running_var"] + 0.1 * variance * (count / (count - 1)),
        "num_batches_tracked": buffers[f"{name}.num_batches_tracked"] + 1,
    }
    buffers.update({f"{name}.{key}": lax.stop_gradient(value) for key, value in moved.items()})
    return (x - mean) * lax.rsqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def layer_norm(p, name, x):
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * p[f"{name}.weight"] + p[f"{name}.bias"]


def dropout(x, key):
    """Of probability 0.1; none without a key."""
    if key is None:
        return x
    return jnp.where(jax.random.bernoulli(key, 0.9, x.shape), x / 0.9, 0.0)


def attention(query, key, value):
    """Causal, [batch, heads, time, width]."""
    scores = jnp.einsum("bhqd,bhkd->bhqk", query, key) * query.shape[-1] ** -0.5
    seen = jnp.tril(jnp.ones(scores.shape[-2:], bool))
    return jnp.einsum("bhqk,bhkd->bhqd", jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), -1), value)


def rnn(p, name, x):
    """x [time, batch, features] to the outputs of one layer."""
    ih = x @ p[f"{name}.weight_ih_l0"].T + p[f"{name}.bias_ih_l0"] + p[f"{name}.bias_hh_l0"]
    hh = p[f"{name}.weight_hh_l0"].T

    def step(h, input):
        h = jnp.tanh(input + h @ hh)
        return h, h

    return lax.scan(step, jnp.zeros((x.shape[1], hh.shape[0]), x.dtype), ih)[1]


def lstm(p, name, x):
    """x [time, batch, features] to the outputs of one layer; the products of the inputs are one for all steps."""
    ih = x @ p[f"{name}.weight_ih_l0"].T + p[f"{name}.bias_ih_l0"] + p[f"{name}.bias_hh_l0"]
    hh = p[f"{name}.weight_hh_l0"].T
    start = jnp.zeros((x.shape[1], hh.shape[0]), x.dtype)

    def step(state, input):
        h, c = state
        i, f, g, o = jnp.split(input + h @ hh, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    return lax.scan(step, (start, start), ih)[1]


def gru_step(ih, h, hh_weight, hh_bias):
    hh = h @ hh_weight.T + hh_bias
    (ir, iz, inew), (hr, hz, hnew) = jnp.split(ih, 3, -1), jnp.split(hh, 3, -1)
    r, z = jax.nn.sigmoid(ir + hr), jax.nn.sigmoid(iz + hz)
    n = jnp.tanh(inew + r * hnew)
    return (1 - z) * n + z * h


def gru(p, name, x):
    """x [time, batch, features] to the outputs and the last state of one layer."""
    ih = x @ p[f"{name}.weight_ih_l0"].T + p[f"{name}.bias_ih_l0"]
    weight, bias = p[f"{name}.weight_hh_l0"], p[f"{name}.bias_hh_l0"]

    def step(h, input):
        h = gru_step(input, h, weight, bias)
        return h, h

    last, outputs = lax.scan(step, jnp.zeros((x.shape[1], weight.shape[1]), x.dtype), ih)
    return outputs, last


def gru_cell(p, name, x, h):
    ih = x @ p[f"{name}.weight_ih"].T + p[f"{name}.bias_ih"]
    return gru_step(ih, h, p[f"{name}.weight_hh"], p[f"{name}.bias_hh"])


def cross_entropy(logits, target):
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), target[..., None], -1)
    return -chosen.mean()


def bce(logits, target):
    """Of each element, from logits."""
    return jnp.maximum(logits, 0) - logits * target + jnp.log1p(jnp.exp(-jnp.abs(logits)))
