"""Copies between layouts and dtypes, and numbers in steps: csrc/kernels/copy.h, convert.h."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from ..case import MIDDLE, TINY, Call, Case, Const, In, Out, draw, size_of, wrapped
from ..elements import FLOATS, rounded

DTYPES = ["f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool"]
BOUNDS = {"i32": (-(2**31), 2**31 - 1), "i64": (-(2**63), 2**63 - 1), "u8": (0, 255)}


def converted(values: np.ndarray, to: str) -> np.ndarray:
    """Floats become integers by truncation, saturating, NaN as 0; integers wrap; halves are rounded once."""
    if to in FLOATS:
        return rounded(values, to)
    if to == "bool":
        return (values != 0).astype(np.int64)
    if values.dtype.kind != "f":
        return wrapped(values, to)
    low, high = BOUNDS[to]
    whole = np.trunc(np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf))
    result = np.where(whole <= low, low, 0)
    inside = (whole > low) & (whole < float(high))
    return np.where(
        inside, np.where(inside, whole, 0).astype(np.int64), np.where(whole >= float(high), high, result)
    )


def _awkward(rng: np.random.Generator, shape: Sequence[int], dtype: str) -> np.ndarray:
    values = draw(rng, shape, dtype, -300, 300)
    if dtype in FLOATS and values.size > 8:
        odd = [np.nan, np.inf, -np.inf, -0.0, 0.5, 255.9, -1e20, 65519.0, 1e-7, 3e9]
        places = rng.random(values.shape) < 0.3
        values[places] = rounded(rng.choice(odd, int(places.sum())), dtype)
    return values


def _copy(source: str, to: str, shape: Sequence[int], layout: str, rng: np.random.Generator) -> Call:
    values = _awkward(rng, shape, source)
    return Call([Out(converted(values, to), to, tolerance=0.0), In(values, source, layout)])


def _broadcast(rng: np.random.Generator) -> Call:
    values = draw(rng, (7, 1, 33), "f32")
    expect = np.broadcast_to(values, (5, 7, 9, 33)).copy()
    return Call([Out(expect, "f32", tolerance=0.0), In(values, "f32")])


def _constant(to: str, rng: np.random.Generator) -> Call:
    expect = converted(np.full((3, 70), 2.75), to)
    return Call([Out(expect, to, tolerance=0.0), Const(2.75, "f64")])


def _into(layout: str, source_layout: str, dtype: str, rng: np.random.Generator) -> Call:
    values = draw(rng, (3, 18, 35), dtype, -9, 9)
    return Call([Out(values, dtype, layout, tolerance=0.0), In(values, dtype, source_layout)])


def _arange(dtype: str, count: int, rng: np.random.Generator) -> Call:
    start, step = (-7.5, 0.25) if dtype in FLOATS else (3.0, 2.0)
    expect = converted(start + step * np.arange(count, dtype=np.float64), dtype)
    return Call([Out(expect, dtype, tolerance=0.0)], {"start": start, "step": step})


def cases() -> Iterator[Case]:
    for source in DTYPES:
        for to in DTYPES:
            for shape, layout in (((5, 67), "plain"), ((3, 35, 33), "transposed")):
                label = f"{source}->{to} {'x'.join(map(str, shape))} {layout}"
                yield Case("copy", label, TINY, lambda rng, a=(source, to, shape, layout): _copy(*a, rng))
    for dtype in DTYPES:
        for shape in ((1,), (15,), (1025,), (70000,), (2, 300, 170)):
            for layout in ("plain", "offset", "transposed", "gaps"):
                label = f"{dtype} {'x'.join(map(str, shape))} {layout}"
                size = size_of(shape, 20000)
                yield Case("copy", label, size, lambda rng, a=(dtype, dtype, shape, layout): _copy(*a, rng))
        yield Case("copy", f"constant {dtype}", TINY, lambda rng, to=dtype: _constant(to, rng))
        for slot in ("copy_into", "assign"):
            for layout in ("plain", "offset", "transposed", "gaps"):
                for source in ("plain", "transposed"):
                    label = f"{dtype} {source}->{layout}"
                    yield Case(slot, label, TINY, lambda rng, a=(layout, source, dtype): _into(*a, rng))
        if dtype != "bool":
            for count in (1, 33, 1000):
                yield Case("arange", f"{dtype} {count}", TINY, lambda rng, a=(dtype, count): _arange(*a, rng))
    yield Case("copy", "broadcast", MIDDLE, _broadcast)
