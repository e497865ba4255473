"""Softmax, its logarithm and cross-entropy: csrc/kernels/softmax.h."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from ..case import TINY, Call, Case, In, Out, draw, size_of
from ..device import Fault
from ..elements import FLOATS, compute_type, rounded

SHAPES = [(1, 1), (3, 2), (5, 33), (130, 10), (2, 1023), (4, 1025), (3, 5000), (500, 300), (7, 50257)]
# Rows of whole words, which at an address between words are none.
SHIFTED = [(5, 8), (33, 64), (3, 5008)]
# Where one class has all but a little, 1 - p and log(1 + little) are what is left of 1.
SCALE = 0.1


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _masked(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """About half of each row, but for one element, is what a mask leaves."""
    hidden = rng.random(x.shape) < 0.5
    hidden[np.arange(x.shape[0]), rng.integers(0, x.shape[1], x.shape[0])] = False
    return np.where(hidden, -np.inf, x)


def _forward(slot: str, dtype: str, shape: Sequence[int], extras: str, rng: np.random.Generator) -> Call:
    x = draw(rng, shape, dtype, -6, 6)
    x = _masked(x, rng) if "masked" in extras else x
    expect = (softmax if slot == "softmax" else log_softmax)(x)
    places = ("offset" if end in extras else "plain" for end in ("out", "in"))
    return Call([part(values, dtype, place) for part, values, place in zip((Out, In), (expect, x), places)])


def _grad(
    slot: str, dtype: str, shape: Sequence[int], layouts: Sequence[str], rng: np.random.Generator
) -> Call:
    """`layouts`: of dx, dy and y."""
    dy, x = draw(rng, shape, dtype), draw(rng, shape, dtype, -3, 3)
    if slot == "softmax_grad":
        y = rounded(softmax(x), dtype)
        expect = y * (dy - (dy * y).sum(axis=1, keepdims=True))
    else:
        y = rounded(log_softmax(x), dtype)
        expect = dy - np.exp(y) * dy.sum(axis=1, keepdims=True)
    scale = SCALE / shape[1] if slot == "softmax_grad" else SCALE
    out = Out(expect, dtype, layouts[0], scale=scale)
    return Call([out, In(dy, dtype, layouts[1]), In(y, dtype, layouts[2])])


def losses(
    x: np.ndarray, ids: np.ndarray, weight: np.ndarray | None, smoothing: float, ignored: int
) -> tuple:
    """Loss and share of each row, stats, and the gradient of the loss by the logits. A smoothed target counts
    each class by its own weight."""
    rows, classes = x.shape
    w = np.ones(classes) if weight is None else weight
    logs, kept = log_softmax(x), ids != ignored
    safe = np.where(kept, ids, 0)
    target = np.full(x.shape, smoothing / classes) * w
    target[np.arange(rows), safe] += (1 - smoothing) * w[safe]
    target[~kept] = 0
    share = np.where(kept, w[safe], 0.0)
    grad = softmax(x) * target.sum(axis=1, keepdims=True) - target
    largest = x.max(axis=1)
    stats = np.stack([largest, 1 / np.exp(x - largest[:, None]).sum(axis=1)], axis=1)
    stats[~kept] = 0
    return -(target * logs).sum(axis=1), share, stats, grad


def _cross_entropy(
    slot: str, dtype: str, index: str, shape: Sequence[int], extras: str, rng: np.random.Generator
) -> Call:
    rows, classes = shape
    compute = compute_type(dtype)
    layout = "offset" if "offset" in extras else "plain"
    x = draw(rng, shape, dtype, -4, 4)
    ids = rng.integers(0, classes, rows)
    smoothing = 0.125 if "smooth" in extras else 0.0
    ignored = -100
    if "ignore" in extras:
        ids[rng.random(rows) < 0.3] = ignored
    weight = draw(rng, (classes,), compute, 0.5, 2) if "weight" in extras else None
    loss, share, stats, grad = losses(x, ids, weight, smoothing, ignored)
    tail = [] if weight is None else [In(weight, compute)]
    params = {"ignore_index": ignored, "label_smoothing": smoothing}
    if slot == "cross_entropy":
        operands = [
            Out(loss, compute, scale=SCALE),
            Out(share, compute),
            Out(stats, compute),
            In(x, dtype, layout),
            In(ids, index),
        ]
        return Call([*operands, *tail], params)
    dloss = draw(rng, (rows,), compute)
    given = [In(x, dtype, layout), In(ids, index), In(rounded(stats, compute), compute), In(dloss, compute)]
    return Call([Out(grad * dloss[:, None], dtype, scale=SCALE / classes), *given, *tail], params)


def _bad_ids(index: str, bad: Sequence[tuple[int, int]], rng: np.random.Generator) -> Call:
    rows, classes = 700, 37
    x, ids = draw(rng, (rows, classes), "f32"), rng.integers(0, classes, rows)
    for position, value in bad:
        ids[position] = value
    outputs = [Out(None, "f32", shape=shape) for shape in ((rows,), (rows,), (rows, 2))]
    position, value = min(bad)
    fault = Fault(position, value, classes - 1)
    params = {"ignore_index": -100, "label_smoothing": 0.0}
    return Call([*outputs, In(x, "f32"), In(ids, index)], params, fault)


def _rows(shape: Sequence[int], dtype: str) -> Iterator[Case]:
    tag, size = f"{dtype} {'x'.join(map(str, shape))}", size_of(shape, 8192)
    for slot in ("softmax", "log_softmax"):
        yield Case(slot, tag, size, lambda rng, a=(slot, dtype, shape, ""): _forward(*a, rng))
        args = (slot + "_grad", dtype, shape, ("plain",) * 3)
        yield Case(slot + "_grad", tag, size, lambda rng, a=args: _grad(*a, rng))
    for slot in ("cross_entropy", "cross_entropy_grad"):
        for index, extras in (
            ("i32", ""),
            ("i64", "ignore"),
            ("i32", "weight smooth ignore"),
            ("i64", "smooth"),
        ):
            label = f"{tag} {index} {extras}".strip()
            args = (slot, dtype, index, shape, extras)
            yield Case(slot, label, size, lambda rng, a=args: _cross_entropy(*a, rng))


def _shifted_rows(shape: Sequence[int], dtype: str) -> Iterator[Case]:
    """One operand or all of them away from whole words; and rows behind a mask."""
    tag, size = f"{dtype} {'x'.join(map(str, shape))}", size_of(shape, 16384)
    for slot in ("softmax", "log_softmax"):
        for extras in ("in", "out", "in out", "masked", "masked in"):
            label = f"{tag} {extras}"
            yield Case(slot, label, size, lambda rng, a=(slot, dtype, shape, extras): _forward(*a, rng))
        for which in ((0,), (1,), (2,), (0, 1, 2)):
            layouts = tuple("offset" if i in which else "plain" for i in range(3))
            label = f"{tag} offset {','.join(map(str, which))}"
            args = (slot + "_grad", dtype, shape, layouts)
            yield Case(slot + "_grad", label, size, lambda rng, a=args: _grad(*a, rng))
    for slot in ("cross_entropy", "cross_entropy_grad"):
        args = (slot, dtype, "i64", shape, "weight smooth offset")
        yield Case(slot, f"{tag} offset", size, lambda rng, a=args: _cross_entropy(*a, rng))


def cases() -> Iterator[Case]:
    for dtype in FLOATS:
        for shape in SHAPES:
            yield from _rows(shape, dtype)
        for shape in SHIFTED:
            yield from _shifted_rows(shape, dtype)
    for index in ("i32", "i64"):
        for bad in ([(0, 37)], [(699, -1)], [(650, -7), (311, 40), (612, 99)]):
            label = f"bad ids {index} {bad[0][0]}"
            yield Case("cross_entropy", label, TINY, lambda rng, a=(index, bad): _bad_ids(*a, rng))
