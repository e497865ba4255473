"""Picking and adding by index: csrc/kernels/index.h."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from ..case import TINY, Call, Case, In, Out, draw, size_of, wrapped
from ..device import Fault
from ..elements import FLOATS

DTYPES = ["f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool"]
SUMMED = [dtype for dtype in DTYPES if dtype != "bool"]
# outer, extent, count, inner
SHAPES = [
    (1, 1, 1, 1),
    (2, 5, 9, 3),
    (1, 37, 1000, 33),
    (3, 700, 5, 1),
    (1, 3, 3000, 65),
    (1, 3000, 2048, 128),
    (2, 5, 0, 3),
]


def _ids(rng: np.random.Generator, shape: Sequence[int], extent: int) -> np.ndarray:
    return rng.integers(0, extent, tuple(shape))


def _result(values: np.ndarray, dtype: str) -> np.ndarray:
    return values if dtype in FLOATS else wrapped(values, dtype)


def _take(dtype: str, index: str, shape: Sequence[int], rng: np.random.Generator) -> Call:
    outer, extent, count, inner = shape
    x, ids = draw(rng, (outer, extent, inner), dtype), _ids(rng, (count,), extent)
    return Call([Out(x[:, ids], dtype, tolerance=0.0), In(x, dtype), In(ids, index)])


def _index_add(dtype: str, index: str, shape: Sequence[int], rng: np.random.Generator) -> Call:
    outer, extent, count, inner = shape
    x, ids = draw(rng, (outer, count, inner), dtype, 0, 2), _ids(rng, (count,), extent)
    y = np.zeros((outer, extent, inner), x.dtype)
    np.add.at(y, (slice(None), ids), x)
    return Call([Out(_result(y, dtype), dtype), In(x, dtype), In(ids, index)])


def _gather(dtype: str, index: str, shape: Sequence[int], rng: np.random.Generator) -> Call:
    outer, extent, count, inner = shape
    x, ids = draw(rng, (outer, extent, inner), dtype), _ids(rng, (outer, count, inner), extent)
    return Call([Out(np.take_along_axis(x, ids, axis=1), dtype, tolerance=0.0), In(x, dtype), In(ids, index)])


def _scatter_add(dtype: str, index: str, shape: Sequence[int], rng: np.random.Generator) -> Call:
    outer, extent, count, inner = shape
    x, ids = draw(rng, (outer, count, inner), dtype, 0, 2), _ids(rng, (outer, count, inner), extent)
    y = np.zeros((outer, extent, inner), x.dtype)
    o, _, i = np.indices(x.shape)
    np.add.at(y, (o, ids, i), x)
    return Call([Out(_result(y, dtype), dtype), In(x, dtype), In(ids, index)])


def _one_hot(dtype: str, index: str, shape: Sequence[int], rng: np.random.Generator) -> Call:
    _, extent, count, _ = shape
    ids = _ids(rng, (count,), extent)
    y = (ids[:, None] == np.arange(extent)).astype(np.float64 if dtype in FLOATS else np.int64)
    return Call([Out(y, dtype, tolerance=0.0), In(ids, index)])


MAKERS = {
    "take": (_take, DTYPES),
    "index_add": (_index_add, SUMMED),
    "gather": (_gather, DTYPES),
    "scatter_add": (_scatter_add, SUMMED),
    "one_hot": (_one_hot, DTYPES),
}


def _bad(slot: str, index: str, bad: Sequence[tuple[int, int]], rng: np.random.Generator) -> Call:
    """The smallest bad position is reported, whatever other threads see."""
    call = MAKERS[slot][0]("f32", index, (1, 37, 1000, 1), rng)
    ids = call.operands[-1].values.ravel()
    for position, value in bad:
        ids[position] = value
    output = call.operands[0]
    position, value = min(bad)
    undefined = Out(None, "f32", shape=output.expect.shape)
    return Call([undefined, *call.operands[1:]], fault=Fault(position, value, 36))


def cases() -> Iterator[Case]:
    for slot, (make, dtypes) in MAKERS.items():
        for shape in SHAPES:
            for dtype in dtypes if shape[1] < 3000 else ("f32", "bf16"):
                for index in ("i32", "i64") if dtype == "f32" else ("i64",):
                    args = (dtype, index, shape)
                    label = f"{dtype} {index} {'x'.join(map(str, shape))}"
                    size = size_of((shape[0], max(shape[1], shape[2]), shape[3]), 8192)
                    yield Case(slot, label, size, lambda rng, m=make, a=args: m(*a, rng))
        for index in ("i32", "i64"):
            for bad in ([(0, 37)], [(999, -1)], [(700, -(2**31)), (311, 2**31 - 1), (612, 99)]):
                args = (slot, index, bad)
                yield Case(slot, f"bad ids {index} {bad[0][0]}", TINY, lambda rng, a=args: _bad(*a, rng))
