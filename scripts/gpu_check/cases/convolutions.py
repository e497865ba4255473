"""Convolution: images [batch, height, width, channels], weights [out, kh, kw, channels / groups]:
csrc/kernels/conv.h."""

from __future__ import annotations

from typing import Iterator, NamedTuple

import numpy as np

from ..case import TINY, MIDDLE, Call, Case, In, Out, draw
from ..elements import FLOATS
from .windows import Window, patches, scatter


class Layer(NamedTuple):
    shape: tuple[int, int, int, int]
    out: int
    window: Window
    groups: int = 1


LAYERS = [
    Layer((1, 1, 1, 1), 1, Window((1, 1))),
    Layer((2, 7, 9, 3), 5, Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))),
    Layer((2, 9, 8, 6), 4, Window((3, 2), (2, 1), (1, 2), (1, 0), (1, 1)), 2),
    Layer((3, 11, 10, 8), 8, Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1)), 8),
    Layer((2, 14, 14, 33), 17, Window((1, 1), (2, 2))),
    Layer((4, 16, 17, 32), 65, Window((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))),
    Layer((2, 32, 32, 3), 64, Window((7, 7), (2, 2), (1, 1), (3, 3), (3, 3))),
    Layer((33, 12, 12, 64), 64, Window((3, 3), (2, 2), (1, 1), (1, 1), (1, 1))),
]


def columns(x: np.ndarray, layer: Layer) -> np.ndarray:
    """[groups, positions, taps * channels / groups]"""
    parts = patches(x, layer.window, 0)
    n, h, w, taps, ch = parts.shape
    split = parts.reshape(n * h * w, taps, layer.groups, ch // layer.groups)
    return split.transpose(2, 0, 1, 3).reshape(layer.groups, n * h * w, -1)


def by_group(weight: np.ndarray, layer: Layer) -> np.ndarray:
    """[groups, out / groups, taps * channels / groups]"""
    return weight.reshape(layer.groups, layer.out // layer.groups, -1)


def out_shape(layer: Layer) -> tuple[int, int, int, int]:
    n, h, w, _ = layer.shape
    return n, layer.window.out(h, 0), layer.window.out(w, 1), layer.out


def positions(y: np.ndarray, layer: Layer) -> np.ndarray:
    """[groups, positions, out / groups]"""
    return y.reshape(-1, layer.groups, layer.out // layer.groups).transpose(1, 0, 2)


def forward(x: np.ndarray, weight: np.ndarray, layer: Layer) -> np.ndarray:
    y = columns(x, layer) @ by_group(weight, layer).transpose(0, 2, 1)
    return y.transpose(1, 0, 2).reshape(out_shape(layer))


def input_grad(dy: np.ndarray, weight: np.ndarray, layer: Layer) -> np.ndarray:
    n, h, w, _ = out_shape(layer)
    taps, channels = layer.window.size[0] * layer.window.size[1], layer.shape[3]
    spread = positions(dy, layer) @ by_group(weight, layer)
    spread = spread.reshape(layer.groups, n * h * w, taps, channels // layer.groups)
    return scatter(spread.transpose(1, 2, 0, 3).reshape(n, h, w, taps, channels), layer.shape, layer.window)


def params(layer: Layer, activation: int = 0, bias: bool = False) -> dict:
    chosen = {
        name: value
        for name, value in layer.window.params().items()
        if name in ("stride", "dilation", "before")
    }
    return {
        **chosen,
        "groups": layer.groups,
        "activation": activation,
        "has_bias": bias,
        "method": 0,
        "precision": 0,
    }


def draw_layer(
    rng: np.random.Generator, layer: Layer, dtype: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    weight_shape = (layer.out, *layer.window.size, layer.shape[3] // layer.groups)
    return (
        draw(rng, layer.shape, dtype, -1, 1),
        draw(rng, weight_shape, dtype, -1, 1),
        draw(rng, out_shape(layer), dtype, -1, 1),
    )


def _make(slot: str, dtype: str, layer: Layer, extras: str, rng: np.random.Generator) -> Call:
    x, weight, dy = draw_layer(rng, layer, dtype)
    if slot == "conv2d_input_grad":
        return Call(
            [Out(input_grad(dy, weight, layer), dtype), In(dy, dtype), In(weight, dtype)], params(layer)
        )
    if slot == "conv2d_weight_grad":
        dweight = positions(dy, layer).transpose(0, 2, 1) @ columns(x, layer)
        return Call([Out(dweight.reshape(weight.shape), dtype), In(x, dtype), In(dy, dtype)], params(layer))
    y = forward(x, weight, layer)
    bias = draw(rng, (layer.out,), dtype) if "bias" in extras else None
    y = y if bias is None else y + bias
    y = np.maximum(y, 0) if "relu" in extras else y
    tail = [] if bias is None else [In(bias, dtype)]
    operands = [Out(y, dtype), In(x, dtype), In(weight, dtype), *tail]
    return Call(operands, params(layer, int("relu" in extras), bias is not None))


def cases() -> Iterator[Case]:
    for i, layer in enumerate(LAYERS):
        size = TINY if i < 4 else MIDDLE
        for dtype in FLOATS:
            for slot in ("conv2d", "conv2d_input_grad", "conv2d_weight_grad"):
                for extras in ("", "bias", "bias relu", "relu") if slot == "conv2d" else ("",):
                    label = f"{dtype} layer {i} {extras}".strip()
                    yield Case(slot, label, size, lambda rng, a=(slot, dtype, layer, extras): _make(*a, rng))
