"""Matrix products: csrc/kernels/gemm.h."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from ..case import TINY, Call, Case, In, Out, draw, size_of
from ..elements import FLOATS, rounded

NAMES = ["none", "relu", "sigmoid", "tanh"]
ACTIVATIONS = [
    lambda x: x,
    lambda x: np.maximum(x, 0),
    lambda x: 1 / (1 + np.exp(-x)),
    np.tanh,
]
# Around the tiles of 32, 64 and 128, thin ones, long ones, and empty sums.
SHAPES = [
    (1, 1, 1),
    (3, 5, 7),
    (33, 31, 17),
    (1, 130, 65),
    (129, 1, 40),
    (8, 257, 100),
    (64, 64, 16),
    (127, 129, 33),
    (5, 6, 0),
    (20, 24, 5000),
    (200, 260, 300),
    (513, 257, 129),
]
LAYOUTS = ["plain", "transposed", "gaps", "offset"]


def _gemm(
    dtype: str,
    shape: Sequence[int],
    batch: Sequence[int],
    layouts: Sequence[str],
    extras: str,
    rng: np.random.Generator,
) -> Call:
    m, n, k = shape
    a, b = draw(rng, (*batch, m, k), dtype, -1, 1), draw(rng, (*batch, k, n), dtype, -1, 1)
    if layouts[1] == "repeat":
        b = np.broadcast_to(b[:1], b.shape).copy()
    activation = next((i for i, name in enumerate(NAMES) if name in extras), 0)
    bias = draw(rng, (n,), dtype) if "bias" in extras else None
    total = a @ b + (0 if bias is None else bias)
    operands = [
        Out(ACTIVATIONS[activation](total), dtype),
        In(a, dtype, layouts[0]),
        In(b, dtype, layouts[1]),
    ]
    params = {"activation": activation, "has_bias": bias is not None, "precision": 0, "method": 0}
    return Call(operands + ([] if bias is None else [In(bias, dtype)]), params)


def _total(dtype: str, count: int, rng: np.random.Generator) -> Call:
    operands, expect = [], 0.0
    for i in range(count):
        k = 7 + 30 * i
        a, b = draw(rng, (35, k), dtype, -1, 1), draw(rng, (k, 67), dtype, -1, 1)
        operands += [In(a, dtype, LAYOUTS[i % 2]), In(b, dtype)]
        expect = expect + rounded(a @ b, dtype)
    return Call([Out(np.asarray(expect), dtype), *operands], {"count": count})


def _case(dtype: str, shape, batch=(), layouts=("plain", "plain"), extras: str = "") -> Case:
    tag = "x".join(map(str, (*batch, *shape)))
    label = f"{dtype} {tag} {'/'.join(layouts)} {extras}".strip()
    size = size_of((shape[0], shape[1], max(shape[2], 1)), 100_000)
    return Case("gemm", label, size, lambda rng: _gemm(dtype, shape, batch, layouts, extras, rng))


def cases() -> Iterator[Case]:
    for dtype in FLOATS:
        for shape in SHAPES:
            yield _case(dtype, shape)
        for shape in SHAPES[1:8]:
            for a in LAYOUTS:
                for b in LAYOUTS:
                    if (a, b) != ("plain", "plain") and (dtype == "f32" or "gaps" not in (a, b)):
                        yield _case(dtype, shape, (), (a, b))
        for extras in ("bias", "bias relu", "bias sigmoid", "bias tanh", "relu", "tanh"):
            yield _case(dtype, (33, 70, 41), (), ("plain", "transposed"), extras)
            yield _case(dtype, (20, 24, 5000), (), ("plain", "plain"), extras)
        yield _case(dtype, (33, 35, 17), (3,))
        yield _case(dtype, (33, 35, 17), (3,), ("transposed", "repeat"))
        yield _case(dtype, (5, 9, 17), (2, 3), ("plain", "transposed"))
        for count in (2, 3) if dtype in ("f32", "f64") else ():
            yield Case("gemm_total", f"{dtype} {count}", TINY, lambda rng, a=(dtype, count): _total(*a, rng))
