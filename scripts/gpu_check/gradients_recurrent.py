"""The gradients of RNN, LSTM and GRU: that of the products, the first states, and the weight of h."""

from __future__ import annotations

import numpy as np

from .case import Out, Update
from .cases.recurrences import GATES, draw_sequence, params, slot_of
from .device import Device
from .gradients import Arrays, Check, _directional, _ins, _out
from .memory import results_of

SHAPE = (3, 5, 37)


def recurrent(kind: str, reverse: bool) -> Check:
    batch, time, hidden = SHAPE
    slot, wide, keeps = slot_of(kind), GATES[kind] * hidden, kind in ("lstm", "gru")
    y_shape, state = (batch, time, hidden), (batch, hidden)

    def forward(device: Device, x: Arrays, saves: bool = False) -> tuple[Arrays, np.ndarray, np.ndarray]:
        """[y, h, c?], then gates and kept. x: products, weight, h0, c0?"""
        saves = saves and keeps
        outputs: list = [_out(y_shape), _out(state)] + ([_out(state)] if kind == "lstm" else [])
        if saves:
            outputs = [Update(x[0], None, "f64"), *outputs, _out(y_shape)]
        inputs = _ins(*(x[1:] if saves else x))
        found = results_of(device, slot, [*outputs, *inputs], params(kind, reverse, False, saves))
        if not saves:
            return found, x[0], x[0]
        return found[1:-1], found[0], found[-1]

    def backward(device: Device, x: Arrays, y: Arrays, dy: Arrays) -> Arrays:
        _, gates, kept = forward(device, x, True)
        outputs: list[Out] = [_out((batch, time, wide)), _out(state)]
        if kind == "lstm":
            outputs, given = [*outputs, _out(state)], _ins(x[1], gates, kept, x[3])
        elif kind == "gru":
            outputs, given = [*outputs, _out((batch, time, wide))], _ins(x[1], gates, kept, y[0], x[2])
        else:
            given = _ins(x[1], y[0])
        chosen = {
            **params(kind, reverse, False, False),
            "has_dy": True,
            "has_dh": True,
            "has_dc": kind == "lstm",
        }
        found = results_of(device, f"{slot}_grad", [*outputs, *given, *_ins(*dy)], chosen)
        through = found[2] if kind == "gru" else found[0]
        return [found[0], _weight_grad(through, y[0], x[2]), *found[1 : 3 if kind == "lstm" else 2]]

    def _weight_grad(through: np.ndarray, y: np.ndarray, h0: np.ndarray) -> np.ndarray:
        """Of W in h W^T, from the gradient of that product and the h before each step."""
        before = np.zeros(y_shape)
        if reverse:
            before[:, :-1], before[:, -1] = y[:, 1:], h0
        else:
            before[:, 1:], before[:, 0] = y[:, :-1], h0
        return np.einsum("btg,bth->gh", through, before)

    def body(device: Device, rng: np.random.Generator) -> tuple[float, float]:
        drawn = draw_sequence(rng, kind, "f64", SHAPE)
        names = ["products", "weight", "h0"] + (["c0"] if kind == "lstm" else [])
        inputs = [drawn[name] for name in names]
        return _directional(device, lambda d, x: forward(d, x)[0], backward, inputs, rng)

    return Check(f"{slot}_grad {kind} reverse {reverse}", (slot, f"{slot}_grad"), body)
