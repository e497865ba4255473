"""RNN, LSTM and GRU over whole sequences, forward: csrc/kernels/recurrent.h. Their gradients are held against
differences of the forward kernels: gradients.py."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from ..case import MIDDLE, TINY, Call, Case, In, Out, Update, draw

GATES = {"rnn": 1, "relu": 1, "lstm": 4, "gru": 3}
SHAPES = [(1, 1, 1), (2, 3, 5), (15, 2, 16), (3, 4, 37), (31, 5, 70), (2, 40, 150), (64, 20, 256)]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def slot_of(kind: str) -> str:
    return ("rnn" if kind == "relu" else kind) + "_sequence"


def step(kind: str, x: np.ndarray, u: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple:
    """The new h and c, the gates, and what else is kept."""
    n = h.shape[1]
    z = x + u
    if kind == "lstm":
        i, f, g, o = (
            sigmoid(z[:, :n]),
            sigmoid(z[:, n : 2 * n]),
            np.tanh(z[:, 2 * n : 3 * n]),
            sigmoid(z[:, 3 * n :]),
        )
        cell = f * c + i * g
        return o * np.tanh(cell), cell, np.concatenate([i, f, g, o], axis=1), cell
    if kind == "gru":
        r, mix = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n])
        new = np.tanh(x[:, 2 * n :] + r * u[:, 2 * n :])
        return (1 - mix) * new + mix * h, c, np.concatenate([r, mix, new], axis=1), u[:, 2 * n :]
    return (np.maximum(z, 0) if kind == "relu" else np.tanh(z)), c, z, z


def run(kind: str, products, weight, bias, h, c, reverse: bool) -> tuple:
    """y, last h, last c, gates and kept of all steps."""
    batch, time, _ = products.shape
    y, gates, kept = (
        np.zeros((batch, time, h.shape[1])),
        np.zeros_like(products),
        np.zeros((batch, time, h.shape[1])),
    )
    for t in reversed(range(time)) if reverse else range(time):
        h, c, gates[:, t], extra = step(kind, products[:, t], h @ weight.T + bias, h, c)
        y[:, t] = h
        kept[:, t] = extra[:, : h.shape[1]]
    return y, h, c, gates, kept


def draw_sequence(
    rng: np.random.Generator, kind: str, dtype: str, shape: tuple[int, int, int]
) -> dict[str, np.ndarray]:
    batch, time, hidden = shape
    wide = GATES[kind] * hidden
    scale = 1 / np.sqrt(hidden)
    return {
        "products": draw(rng, (batch, time, wide), dtype, -1, 1),
        "weight": draw(rng, (wide, hidden), dtype, -scale, scale),
        "bias": draw(rng, (wide,), dtype, -1, 1),
        "h0": draw(rng, (batch, hidden), dtype, -1, 1),
        "c0": draw(rng, (batch, hidden), dtype, -1, 1),
    }


def params(kind: str, reverse: bool, bias: bool, saves: bool) -> dict:
    return {"reverse": reverse, "relu": kind == "relu", "has_bias": bias, "saves": saves, "precision": 0}


def operands_of(kind: str, dtype: str, given: dict, results: tuple, bias: bool, saves: bool) -> list:
    """gates?, y, h, c?, kept?; products?, weight, h0, c0?, bias?"""
    y, h, c, gates, kept = results
    saves = saves and kind in ("lstm", "gru")
    outputs: list = [Out(y, dtype), Out(h, dtype)] + ([Out(c, dtype)] if kind == "lstm" else [])
    inputs: list = [] if saves else [In(given["products"], dtype)]
    if saves:
        outputs = [Update(given["products"], gates, dtype), *outputs, Out(kept, dtype)]
    inputs += [In(given["weight"], dtype), In(given["h0"], dtype)] + (
        [In(given["c0"], dtype)] if kind == "lstm" else []
    )
    return outputs + inputs + ([In(given["bias"], dtype)] if bias else [])


def _make(
    kind: str, dtype: str, shape, reverse: bool, bias: bool, saves: bool, rng: np.random.Generator
) -> Call:
    given = draw_sequence(rng, kind, dtype, shape)
    chosen = given["bias"] if bias else np.zeros_like(given["bias"])
    results = run(kind, given["products"], given["weight"], chosen, given["h0"], given["c0"], reverse)
    return Call(operands_of(kind, dtype, given, results, bias, saves), params(kind, reverse, bias, saves))


def cases() -> Iterator[Case]:
    for kind in GATES:
        for shape in SHAPES:
            for dtype in ("f32", "f64"):
                for reverse, bias, saves in (
                    (False, True, False),
                    (True, False, False),
                    (False, True, True),
                    (True, True, True),
                ):
                    if saves and kind not in ("lstm", "gru"):
                        continue
                    flags = " ".join(
                        n for n, on in (("reverse", reverse), ("bias", bias), ("saves", saves)) if on
                    )
                    label = f"{dtype} {kind} {'x'.join(map(str, shape))} {flags}".strip()
                    size = TINY if shape[2] < 100 else MIDDLE
                    args = (kind, dtype, shape, reverse, bias, saves)
                    yield Case(slot_of(kind), label, size, lambda rng, a=args: _make(*a, rng))
