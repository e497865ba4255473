"""Layer and batch normalisation: csrc/kernels/norm.h."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from ..case import TINY, Call, Case, In, Out, Update, draw, size_of
from ..elements import FLOATS, compute_type, rounded

SHAPES = [(1, 1), (2, 3), (5, 33), (33, 257), (700, 10), (3, 5000), (300, 1024), (2049, 65)]
EPS = 1e-5


def _affine(
    rng: np.random.Generator, n: int, dtype: str, which: str
) -> tuple[list[In], np.ndarray, np.ndarray]:
    weight, bias = draw(rng, (n,), dtype, 0.5, 2), draw(rng, (n,), dtype)
    operands = ([In(weight, dtype)] if "w" in which else []) + ([In(bias, dtype)] if "b" in which else [])
    return operands, weight if "w" in which else np.ones(n), bias if "b" in which else np.zeros(n)


def _params(which: str) -> dict:
    return {"eps": EPS, "weight": "w" in which, "bias": "b" in which}


def _layer(dtype: str, shape: Sequence[int], which: str, rng: np.random.Generator) -> Call:
    compute = compute_type(dtype)
    x = draw(rng, shape, dtype, 1, 5)
    tail, weight, bias = _affine(rng, shape[1], compute, which)
    mean, scale = x.mean(axis=1), 1 / np.sqrt(x.var(axis=1) + EPS)
    y = (x - mean[:, None]) * scale[:, None] * weight + bias
    return Call(
        [Out(y, dtype), Out(np.stack([mean, scale], 1), compute), In(x, dtype), *tail], _params(which)
    )


def normal_grad(dy, x, mean, scale, weight, axis: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """dx, and dweight and dbias (sums over rows), of y = (x - mean) scale weight + bias."""
    hat, g = (x - mean) * scale, dy * weight
    dx = scale * (g - g.mean(axis=axis, keepdims=True) - hat * (g * hat).mean(axis=axis, keepdims=True))
    return dx, (dy * hat).sum(axis=0), dy.sum(axis=0)


def _layer_grad(dtype: str, shape: Sequence[int], which: str, rng: np.random.Generator) -> Call:
    compute = compute_type(dtype)
    dy, x = draw(rng, shape, dtype), draw(rng, shape, dtype, 1, 5)
    tail, weight, _ = _affine(rng, shape[1], compute, which.replace("b", ""))
    stats = rounded(np.stack([x.mean(axis=1), 1 / np.sqrt(x.var(axis=1) + EPS)], 1), compute)
    dx, dweight, dbias = normal_grad(dy, x, stats[:, :1], stats[:, 1:], weight, 1)
    sums = [Out(dweight, compute), Out(dbias, compute)] if "s" in which else []
    operands = [Out(dx, dtype), *sums, In(dy, dtype), In(x, dtype), In(stats, compute), *tail]
    return Call(operands, {"weight": "w" in which, "sums": "s" in which})


def _batch(slot: str, dtype: str, shape: Sequence[int], which: str, rng: np.random.Generator) -> Call:
    compute = compute_type(dtype)
    x = draw(rng, shape, dtype, 1, 5)
    tail, weight, bias = _affine(rng, shape[1], compute, which)
    mean, variance = x.mean(axis=0), x.var(axis=0)
    if slot == "batch_norm_eval":
        mean, variance = draw(rng, mean.shape, compute), draw(rng, mean.shape, compute, 0.5, 2)
    y = (x - mean) / np.sqrt(variance + EPS) * weight + bias
    if slot == "batch_norm_eval":
        operands = [Out(y, dtype), In(x, dtype), In(mean, compute), In(variance, compute)]
    else:
        operands = [Out(y, dtype), Out(mean, compute), Out(variance, compute), In(x, dtype)]
    return Call([*operands, *tail], _params(which))


def _batch_grad(dtype: str, shape: Sequence[int], which: str, rng: np.random.Generator) -> Call:
    compute = compute_type(dtype)
    dy, x = draw(rng, shape, dtype), draw(rng, shape, dtype, 1, 5)
    tail, weight, _ = _affine(rng, shape[1], compute, which.replace("b", ""))
    mean, variance = rounded(x.mean(axis=0), compute), rounded(x.var(axis=0), compute)
    dx, dweight, dbias = normal_grad(dy, x, mean, 1 / np.sqrt(variance + EPS), weight, 0)
    outputs = [Out(dx, dtype), Out(dweight, compute), Out(dbias, compute)]
    operands = [*outputs, In(dy, dtype), In(x, dtype), In(mean, compute), In(variance, compute), *tail]
    return Call(operands, {"eps": EPS, "weight": "w" in which, "bias": False})


def _update(dtype: str, index: str, cumulative: bool, rng: np.random.Generator) -> Call:
    mean, batch_mean = draw(rng, (77,), dtype), draw(rng, (77,), dtype)
    variance, batch_variance = draw(rng, (77,), dtype, 0, 2), draw(rng, (77,), dtype, 0, 2)
    share = 1 / 4 if cumulative else 0.1
    new_mean = (1 - share) * mean + share * batch_mean
    new_variance = (1 - share) * variance + share * 1.25 * batch_variance
    count = Update(np.array([3], np.int64), np.array([4], np.int64), index)
    operands = [Update(mean, new_mean, dtype), Update(variance, new_variance, dtype), count]
    params = {"momentum": 0.1, "correction": 1.25, "cumulative": cumulative}
    return Call([*operands, In(batch_mean, dtype), In(batch_variance, dtype)], params)


def cases() -> Iterator[Case]:
    for shape in SHAPES:
        tag, size = "x".join(map(str, shape)), size_of(shape, 9000)
        for dtype in FLOATS:
            for which in ("", "w", "wb", "b") if shape[1] < 40 else ("wb",):
                label = f"{dtype} {tag} {which}".strip()
                yield Case("layer_norm", label, size, lambda rng, a=(dtype, shape, which): _layer(*a, rng))
                for slot in ("batch_norm", "batch_norm_eval"):
                    yield Case(slot, label, size, lambda rng, a=(slot, dtype, shape, which): _batch(*a, rng))
            for which in ("ws", "s", "w", ""):
                label = f"{dtype} {tag} {which}".strip()
                yield Case(
                    "layer_norm_grad", label, size, lambda rng, a=(dtype, shape, which): _layer_grad(*a, rng)
                )
                # With two rows the gradient is what rounding leaves of 0.
                if "s" in which and shape[0] != 2:
                    yield Case(
                        "batch_norm_grad",
                        label,
                        size,
                        lambda rng, a=(dtype, shape, which): _batch_grad(*a, rng),
                    )
    for dtype in ("f32", "f64"):
        for index in ("i32", "i64"):
            for cumulative in (False, True):
                label = f"{dtype} {index} {cumulative}"
                yield Case(
                    "batch_norm_update",
                    label,
                    TINY,
                    lambda rng, a=(dtype, index, cumulative): _update(*a, rng),
                )
