"""Scaled dot-product attention and its gradient: csrc/kernels/attention.h."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from ..case import MIDDLE, TINY, Call, Case, In, Out, draw
from ..elements import rounded

# Heads, queries, keys, depth, width.
SHAPES = [
    ((), 1, 1, 1, 1),
    ((2,), 3, 5, 7, 4),
    ((2, 3), 33, 31, 16, 20),
    ((4,), 65, 65, 64, 64),
    ((2,), 130, 257, 80, 33),
    ((2, 4), 200, 200, 128, 128),
]


def forward(q, k, v, scale: float, causal: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y, the logarithm of each row's sum, and the weights."""
    scores = scale * q @ np.swapaxes(k, -1, -2)
    if causal:
        allowed = np.arange(k.shape[-2])[None, :] <= np.arange(q.shape[-2])[:, None]
        scores = np.where(allowed, scores, -np.inf)
    top = scores.max(axis=-1, keepdims=True)
    e = np.exp(scores - top)
    total = e.sum(axis=-1, keepdims=True)
    return e / total @ v, (top + np.log(total))[..., 0], e / total


def backward(q, k, v, dy, p, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dp = dy @ np.swapaxes(v, -1, -2)
    ds = p * (dp - (dp * p).sum(axis=-1, keepdims=True)) * scale
    return ds @ k, np.swapaxes(ds, -1, -2) @ q, np.swapaxes(p, -1, -2) @ dy


def _make(slot: str, dtype: str, shape, causal: bool, layout: str, rng: np.random.Generator) -> Call:
    heads, queries, keys, depth, width = shape
    q, k = draw(rng, (*heads, queries, depth), dtype), draw(rng, (*heads, keys, depth), dtype)
    v, dy = draw(rng, (*heads, keys, width), dtype), draw(rng, (*heads, queries, width), dtype)
    scale = 1 / np.sqrt(depth)
    y, sums, p = forward(q, k, v, scale, causal)
    params = {"scale": float(scale), "causal": causal, "precision": 0}
    given = [In(x, dtype, layout) for x in (q, k, v)]
    if slot == "attention":
        return Call([Out(y, dtype), Out(sums, dtype), *given], params)
    grads = [Out(x, dtype) for x in backward(q, k, v, dy, p, scale)]
    saved = [In(rounded(y, dtype), dtype), In(dy, dtype, layout), In(rounded(sums, dtype), dtype)]
    return Call([*grads, *given, *saved], params)


def cases() -> Iterator[Case]:
    for i, shape in enumerate(SHAPES):
        for dtype in ("f32", "f64"):
            for slot in ("attention", "attention_grad"):
                for causal in (False, True):
                    for layout in ("plain", "transposed") if shape[0] else ("plain",):
                        label = f"{dtype} shape {i} {layout}{' causal' if causal else ''}"
                        args = (slot, dtype, shape, causal, layout)
                        yield Case(slot, label, TINY if i < 3 else MIDDLE, lambda rng, a=args: _make(*a, rng))
