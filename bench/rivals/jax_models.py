"""The forward passes of bench/workloads in JAX: functions of parameters by name. Keys for dropout may be None."""

import jax
from jax import numpy as jnp

from jax_layers import (
    attention,
    batch_norm,
    conv,
    dropout,
    gru,
    gru_cell,
    layer_norm,
    linear,
    lstm,
    max_pool,
)

BLOCKS = 4
HEADS = 8


def mlp(p, x):
    x = jax.nn.relu(linear(p, "0", x))
    return linear(p, "4", jax.nn.relu(linear(p, "2", x)))


def lenet(p, x):
    x = max_pool(jax.nn.relu(conv(p, "features.0", x, padding=2)))
    x = max_pool(jax.nn.relu(conv(p, "features.3", x)))
    x = x.reshape(len(x), -1)
    x = jax.nn.relu(linear(p, "head.1", x))
    return linear(p, "head.5", jax.nn.relu(linear(p, "head.3", x)))


def resnet_block(p, buffers, name, x, stride):
    y = conv(p, f"{name}.main.0", x, stride, 1)
    y = jax.nn.relu(batch_norm(p, buffers, f"{name}.main.1", y))
    y = batch_norm(p, buffers, f"{name}.main.4", conv(p, f"{name}.main.3", y, 1, 1))
    if f"{name}.shortcut.0.weight" in p:
        x = batch_norm(p, buffers, f"{name}.shortcut.1", conv(p, f"{name}.shortcut.0", x, stride))
    return jax.nn.relu(x + y)


def resnet18(p, buffers, x):
    """Logits, and the running statistics after this batch."""
    buffers = dict(buffers)
    x = jax.nn.relu(batch_norm(p, buffers, "1", conv(p, "0", x, 1, 1)))
    for i, stride in enumerate([1, 1, 2, 1, 2, 1, 2, 1]):
        x = resnet_block(p, buffers, f"{3 + i}", x, stride)
    return linear(p, "13", x.mean((1, 2))), buffers


def charlstm(p, ids):
    """ids [time, batch]"""
    return linear(p, "head", lstm(p, "lstm", p["embedding.weight"][ids]))


def seq2seq(p, source, target):
    """Ids [time, batch] to logits [time, batch, 1000]; the decoder sees at each step what it predicts there."""
    encoded, h = gru(p, "encoder", p["embedding.weight"][source])
    encoded = encoded.transpose(1, 0, 2)  # [batch, time, hidden]

    def step(state, embedded):
        h, context = state
        h = gru_cell(p, "cell", jnp.concatenate([embedded, context], -1), h)
        scores = jax.nn.softmax(jnp.einsum("bth,bh->bt", encoded, h), -1)
        context = jnp.einsum("bt,bth->bh", scores, encoded)
        return (h, context), linear(p, "head", jnp.concatenate([h, context], -1))

    start = (h, jnp.zeros_like(h))
    return jax.lax.scan(step, start, p["embedding.weight"][target])[1]


def transformer_block(p, name, x, keys):
    batch, time, width = x.shape
    qkv = linear(p, f"{name}.qkv", layer_norm(p, f"{name}.norm1", x))
    cut = lambda part: part.reshape(batch, time, HEADS, width // HEADS).transpose(0, 2, 1, 3)
    attended = attention(*map(cut, jnp.split(qkv, 3, -1)))
    attended = attended.transpose(0, 2, 1, 3).reshape(batch, time, width)
    x = x + dropout(linear(p, f"{name}.out", attended), keys[0])
    y = linear(p, f"{name}.feed.0", layer_norm(p, f"{name}.norm2", x))
    y = linear(p, f"{name}.feed.2", jax.nn.gelu(y, approximate=False))
    return x + dropout(y, keys[1])


def transformer(p, key, ids):
    count = 2 * BLOCKS
    keys = [None] * count if key is None else jax.random.split(key, count)
    x = p["embedding.weight"][ids] + p["positions"]
    for i in range(BLOCKS):
        x = transformer_block(p, f"blocks.{i}", x, keys[2 * i : 2 * i + 2])
    return linear(p, "head", layer_norm(p, "norm", x))


def vae(p, x, noise):
    """Logits, mean and logarithm of the variance."""
    hidden = jax.nn.relu(linear(p, "encoder.0", x))
    m, v = linear(p, "mean", hidden), linear(p, "log_variance", hidden)
    hidden = jax.nn.relu(linear(p, "decoder.0", m + noise * jnp.exp(v * 0.5)))
    return linear(p, "decoder.2", hidden), m, v


def leaky(x):
    return jax.nn.leaky_relu(x, 0.2)


def generator(p, z):
    return jnp.tanh(linear(p, "4", leaky(linear(p, "2", leaky(linear(p, "0", z))))))


def discriminator(p, x):
    return linear(p, "4", leaky(linear(p, "2", leaky(linear(p, "0", x)))))
