"""The fused optimizers over lists of parameters: csrc/kernels/optimizer.h."""

from __future__ import annotations

from typing import Iterator, Sequence

import numpy as np

from ..case import MIDDLE, TINY, Call, Case, In, Update, draw
from ..elements import rounded

RATE = float(np.float32(0.0123))
# Empty parameters first, between and last; one of several chunks; then more than a table of arguments holds.
LISTS = {
    "one": (1,),
    "odd": (0, 1, 17, 0, 8193, 5, 0),
    "many": tuple(1 + i * 7 % 50 for i in range(300)),
    "large": (100_003, 3, 262_144),
}
# Of what is drawn from -1..1: in a list of one element, terms of this size may cancel.
SCALE = 0.5
SGD = [
    {"momentum": 0.0, "dampening": 0.0, "weightDecay": 0.0, "nesterov": False, "maximize": False},
    {"momentum": 0.0, "dampening": 0.0, "weightDecay": 0.1, "nesterov": False, "maximize": True},
    {"momentum": 0.9, "dampening": 0.5, "weightDecay": 0.1, "nesterov": False, "maximize": False},
    {"momentum": 0.9, "dampening": 0.0, "weightDecay": 0.1, "nesterov": True, "maximize": False},
]
ADAM = [
    {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weightDecay": 0.0, "decoupled": False, "amsgrad": False},
    {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weightDecay": 0.1, "decoupled": False, "amsgrad": True},
    {"beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weightDecay": 0.1, "decoupled": True, "amsgrad": False},
]


def _lists(rng: np.random.Generator, sizes: Sequence[int], dtype: str, low: float = -1) -> list[np.ndarray]:
    return [draw(rng, (size,), dtype, low, 1) for size in sizes]


def _updates(
    olds: list[np.ndarray], news: list[np.ndarray], dtype: str, scale: float = SCALE
) -> list[Update]:
    return [Update(old, new, dtype, scale=scale) for old, new in zip(olds, news)]


def _steps(count: int, step: int) -> list[Update]:
    return [Update(np.array(step, np.int64), np.array(step + 1, np.int64), "i32") for _ in range(count)]


def _sgd(dtype: str, sizes: Sequence[int], options: dict, step: int, rng: np.random.Generator) -> Call:
    p, b, g = (_lists(rng, sizes, dtype) for _ in range(3))
    momentum, new_p, new_b = options["momentum"], [], []
    for i in range(len(sizes)):
        grad = (-g[i] if options["maximize"] else g[i]) + options["weightDecay"] * p[i]
        buffer = grad if step == 0 else momentum * b[i] + (1 - options["dampening"]) * grad
        way = grad if momentum == 0 else grad + momentum * buffer if options["nesterov"] else buffer
        new_p.append(p[i] - RATE * way)
        new_b.append(buffer)
    operands: list = _updates(p, new_p, dtype)
    if momentum != 0:
        operands += _updates(b, new_b, dtype) + _steps(len(sizes), step)
    operands += [In(grad, dtype) for grad in g] + [In(np.array(RATE), "f32")]
    return Call(operands, {"count": len(sizes), **options})


def _adam(dtype: str, sizes: Sequence[int], options: dict, step: int, rng: np.random.Generator) -> Call:
    p, m, g = (_lists(rng, sizes, dtype) for _ in range(3))
    v, top = (_lists(rng, sizes, dtype, 0.01) for _ in range(2))
    v, top = [np.abs(x) + 0.01 for x in v], [np.abs(x) + 0.01 for x in top]
    v, top = ([rounded(x, dtype) for x in values] for values in (v, top))
    beta1, beta2, decay, t = options["beta1"], options["beta2"], options["weightDecay"], step + 1
    updates: list[list[np.ndarray]] = [[], [], [], []]
    for i in range(len(sizes)):
        grad = g[i] if options["decoupled"] else g[i] + decay * p[i]
        start = p[i] * (1 - RATE * decay) if options["decoupled"] else p[i]
        first = beta1 * m[i] + (1 - beta1) * grad
        second = beta2 * v[i] + (1 - beta2) * grad * grad
        most = np.maximum(top[i], second)
        size = np.sqrt((most if options["amsgrad"] else second) / (1 - beta2**t)) + options["eps"]
        new = start - RATE * first / (1 - beta1**t) / size
        for kept, value in zip(updates, (new, first, second, most)):
            kept.append(value)
    operands: list = _updates(p, updates[0], dtype) + _updates(m, updates[1], dtype)
    operands += _updates(v, updates[2], dtype, 0.0)
    operands += _updates(top, updates[3], dtype, 0.0) if options["amsgrad"] else []
    operands += _steps(len(sizes), step) + [In(grad, dtype) for grad in g] + [In(np.array(RATE), "f32")]
    return Call(operands, {"count": len(sizes), **options})


def cases() -> Iterator[Case]:
    for name, sizes in LISTS.items():
        size = MIDDLE if sum(sizes) > 10_000 else TINY
        for dtype in ("f32", "f64"):
            for slot, make, options in (("sgd_step", _sgd, SGD), ("adam_step", _adam, ADAM)):
                for i, chosen in enumerate(options if name in ("odd", "one") else options[-1:]):
                    for step in (0, 4):
                        args = (dtype, sizes, chosen, step)
                        label = f"{dtype} {name} options {i} step {step}"
                        yield Case(slot, label, size, lambda rng, m=make, a=args: m(*a, rng))
