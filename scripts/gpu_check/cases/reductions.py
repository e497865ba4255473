"""Reductions of the middle axis and running sums: csrc/kernels/reduce.h."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from ..case import TINY, Call, Case, In, Out, draw, size_of, wrapped
from ..elements import FLOATS, TOLERANCE, compute_type

# Few long rows, many short ones, the outer axis, and shapes around warps and blocks.
SHAPES = [
    (1, 1, 1),
    (2, 31, 1),
    (3, 33, 5),
    (1, 257, 3),
    (513, 7, 1),
    (1, 5, 1031),
    (2, 0, 3),
    (3, 70001, 1),
    (1, 3001, 67),
    (40, 129, 33),
    (5000, 40, 1),
]
NUMBERS = ["f32", "f64", "f16", "bf16", "i32", "i64", "u8"]


def _sum(dtype: str, to: str, shape: Sequence[int], rng: np.random.Generator) -> Call:
    x = draw(rng, shape, dtype, -1, 3)
    divisor = 1.0 if dtype not in FLOATS else float(max(shape[1], 1))
    total = x.sum(axis=1)
    expect = total / divisor if dtype in FLOATS else wrapped(total, to)
    # A wide result of narrow elements is no better than the type they are computed in.
    tolerance = TOLERANCE["f32"] if to == "f64" and dtype != "f64" else None
    return Call([Out(expect, to, tolerance=tolerance), In(x, dtype)], {"divisor": divisor})


def _deviation(slot: str, dtype: str, shape: Sequence[int], rng: np.random.Generator) -> Call:
    x, compute = draw(rng, shape, dtype, -1, 3), compute_type(dtype)
    center = draw(rng, (shape[0], shape[2]), compute, -3, -2)
    apart = x - center[:, None, :]
    divisor = float(max(shape[1], 1))
    expect = (apart if slot == "deviation" else apart**2).sum(axis=1) / divisor
    return Call([Out(expect, dtype), In(x, dtype), In(center, compute)], {"divisor": divisor})


def _extreme(slot: str, dtype: str, shape: Sequence[int], nans: bool, rng: np.random.Generator) -> Call:
    """Few values, so that many are equal: the first wins."""
    x = draw(rng, shape, dtype, -3, 3)
    x = np.round(x) if dtype in FLOATS else x
    if nans:
        x[rng.random(shape) < 0.05] = np.nan
    function = {"max": np.max, "min": np.min, "argmax": np.argmax, "argmin": np.argmin}[slot]
    expect = function(x, axis=1)
    if slot.startswith("arg"):
        return Call([Out(expect.astype(np.int64), "i32"), In(x, dtype)])
    return Call([Out(expect, dtype, tolerance=0.0), In(x, dtype)])


def _cumsum(dtype: str, to: str, shape: Sequence[int], reverse: bool, rng: np.random.Generator) -> Call:
    x = draw(rng, shape, dtype, 0, 3)
    expect = np.cumsum(x[:, ::-1], axis=1)[:, ::-1] if reverse else np.cumsum(x, axis=1)
    return Call(
        [Out(expect if dtype in FLOATS else wrapped(expect, to), to), In(x, dtype)], {"reverse": reverse}
    )


def _sum_to(dtype: str) -> str:
    return "i32" if dtype in ("u8", "bool") else dtype


def cases() -> Iterator[Case]:
    for shape in SHAPES:
        tag, size = "x".join(map(str, shape)), size_of(shape)
        for dtype in (*NUMBERS, "bool"):
            to = _sum_to(dtype)
            yield Case("sum", f"{dtype} {tag}", size, lambda rng, a=(dtype, to, shape): _sum(*a, rng))
            if shape[1] > 0 and dtype != "bool":
                for slot in ("max", "min", "argmax", "argmin"):
                    for nans in (False, True) if dtype in FLOATS else (False,):
                        label = f"{dtype} {tag}{' nan' if nans else ''}"
                        args = (slot, dtype, shape, nans)
                        yield Case(slot, label, size, lambda rng, a=args: _extreme(*a, rng))
            if shape[1] <= 5000:
                for reverse in (False, True):
                    label = f"{dtype} {tag}{' reverse' if reverse else ''}"
                    args = (dtype, to, shape, reverse)
                    yield Case("cumsum", label, size, lambda rng, a=args: _cumsum(*a, rng))
        for dtype in FLOATS:
            for slot in ("deviation", "square_deviation"):
                args = (slot, dtype, shape)
                yield Case(slot, f"{dtype} {tag}", size, lambda rng, a=args: _deviation(*a, rng))
    for dtype, to in (("f16", "f32"), ("f32", "f64"), ("bf16", "f64"), ("f64", "f16")):
        yield Case("sum", f"{dtype}->{to}", TINY, lambda rng, a=(dtype, to, (3, 100, 7)): _sum(*a, rng))
