"""Gradient kernels against numeric differences of the forward kernels, in float64."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Callable, Iterator, Sequence

import numpy as np

from .case import In, Out
from .cases import convolutions, elementwise, recurrences
from .cases.windows import LAYERS, Window
from .device import Device
from .elements import deviation
from .memory import results_of

Arrays = list[np.ndarray]
Forward = Callable[[Device, Arrays], Arrays]
Backward = Callable[[Device, Arrays, Arrays, Arrays], Arrays]  # inputs, outputs, their gradients
STEP = 1e-5


@dataclass
class Check:
    name: str
    slots: tuple[str, ...]
    body: Callable[[Device, np.random.Generator], tuple[float, float]]

    def run(self, device: Device, seed: int) -> tuple[float, float]:
        """How far apart, and how far they may be."""
        return self.body(device, np.random.default_rng([seed, zlib.crc32(self.name.encode())]))


def _out(shape: Sequence[int], dtype: str = "f64") -> Out:
    return Out(None, dtype, shape=tuple(shape))


def _ins(*values: np.ndarray) -> list[In]:
    return [In(value, "f64") for value in values]


# Slot, whether its gradient is given the result in place of the input, range, parameters.
ELEMENTWISE: list[tuple[str, bool, tuple[float, float], list[float]]] = [
    ("tanh", True, (-3, 3), []),
    ("sigmoid", True, (-5, 5), []),
    ("relu", False, (-2, 2), []),
    ("leaky_relu", False, (-2, 2), [0.125]),
    ("elu", False, (-3, 3), [1.5, 1.25]),
    ("clamp", False, (-2, 2), [-1.0, 1.0]),
    ("gelu", False, (-4, 4), []),
    ("gelu_tanh", False, (-4, 4), []),
    ("silu", False, (-6, 6), []),
]
KINKS = (0.0, -1.0, 1.0)


def _elementwise(slot: str, of_result: bool, span: tuple[float, float], scalars: list[float]) -> Check:
    params = {"compute": elementwise.DTYPES.index("f64"), "scalars": scalars}

    def body(device: Device, rng: np.random.Generator) -> tuple[float, float]:
        x = rng.uniform(*span, 997)
        for kink in KINKS:
            x[np.abs(x - kink) < 10 * STEP] += 0.01
        dy = rng.uniform(-2, 2, x.shape)

        def at(values: np.ndarray) -> np.ndarray:
            return results_of(device, slot, [_out(x.shape), *_ins(values)], params)[0]

        numeric = dy * (at(x + STEP) - at(x - STEP)) / (2 * STEP)
        given = at(x) if of_result else x
        found = results_of(device, slot + "_grad", [_out(x.shape), *_ins(dy, given)], params)[0]
        return deviation(found, numeric), 1e-8

    return Check(f"{slot}_grad", (slot, slot + "_grad"), body)


def _directional(
    device: Device, forward: Forward, backward: Backward, inputs: Arrays, rng
) -> tuple[float, float]:
    """Along random directions: sum(dy f(x + h v) - dy f(x - h v)) / 2h against sum(dx v)."""
    outputs = forward(device, inputs)
    dys = [rng.uniform(-1, 1, y.shape) for y in outputs]
    grads, worst = backward(device, inputs, outputs, dys), 0.0
    for _ in range(3):
        ways = [rng.choice([-1.0, 1.0], x.shape) for x in inputs]

        def total(step: float) -> float:
            moved = forward(device, [x + step * way for x, way in zip(inputs, ways)])
            return sum(float((dy * y).sum()) for dy, y in zip(dys, moved))

        numeric = (total(STEP) - total(-STEP)) / (2 * STEP)
        products = [float((g * way).sum()) for g, way in zip(grads, ways)]
        scale = sum(float(np.linalg.norm(g)) for g in grads) + 1e-3
        worst = max(worst, abs(numeric - sum(products)) / scale)
    return worst, 1e-7


def _pair(name: str, slots: tuple[str, ...], forward: Forward, backward: Backward, shapes: Sequence) -> Check:
    def body(device: Device, rng: np.random.Generator) -> tuple[float, float]:
        inputs = [rng.uniform(-1, 1, shape) for shape in shapes]
        return _directional(device, forward, backward, inputs, rng)

    return Check(name, slots, body)


def _simple(slot: str, rows: int, n: int) -> Check:
    """Softmax and its logarithm: the gradient is given the result."""
    return _pair(
        f"{slot}_grad {rows}x{n}",
        (slot, f"{slot}_grad"),
        lambda d, x: results_of(d, slot, [_out(x[0].shape), *_ins(x[0])], {}),
        lambda d, x, y, dy: results_of(d, f"{slot}_grad", [_out(x[0].shape), *_ins(dy[0], y[0])], {}),
        [(rows, n)],
    )


def _cross_entropy(rows: int, n: int, smoothing: float) -> Check:
    ids = In(np.arange(rows) % n, "i64")
    weight = In(np.linspace(0.5, 2, n), "f64")
    params = {"ignore_index": 1, "label_smoothing": smoothing}

    def all_of(device: Device, x: np.ndarray) -> Arrays:
        outputs = [_out((rows,)), _out((rows,)), _out((rows, 2))]
        return results_of(device, "cross_entropy", [*outputs, *_ins(x), ids, weight], params)

    def backward(device: Device, x: Arrays, _: Arrays, dy: Arrays) -> Arrays:
        stats = all_of(device, x[0])[2]
        given = [*_ins(x[0]), ids, *_ins(stats, dy[0]), weight]
        return results_of(device, "cross_entropy_grad", [_out(x[0].shape), *given], params)

    slots = ("cross_entropy", "cross_entropy_grad")
    name = f"cross_entropy_grad {rows}x{n} {smoothing}"
    return _pair(name, slots, lambda d, x: all_of(d, x[0])[:1], backward, [(rows, n)])


def _layer_norm(rows: int, n: int) -> Check:
    params = {"eps": 1e-5, "weight": True, "bias": True}

    def all_of(device: Device, x: Arrays) -> Arrays:
        return results_of(device, "layer_norm", [_out(x[0].shape), _out((rows, 2)), *_ins(*x)], params)

    def backward(device: Device, x: Arrays, _: Arrays, dy: Arrays) -> Arrays:
        outputs = [_out(x[0].shape), _out((n,)), _out((n,))]
        given = _ins(dy[0], x[0], all_of(device, x)[1], x[1])
        return results_of(device, "layer_norm_grad", [*outputs, *given], {"weight": True, "sums": True})

    slots = ("layer_norm", "layer_norm_grad")
    return _pair(
        f"layer_norm_grad {rows}x{n}", slots, lambda d, x: all_of(d, x)[:1], backward, [(rows, n), (n,), (n,)]
    )


def _batch_norm(rows: int, n: int) -> Check:
    params = {"eps": 1e-5, "weight": True, "bias": True}

    def all_of(device: Device, x: Arrays) -> Arrays:
        return results_of(device, "batch_norm", [_out(x[0].shape), _out((n,)), _out((n,)), *_ins(*x)], params)

    def backward(device: Device, x: Arrays, _: Arrays, dy: Arrays) -> Arrays:
        outputs = [_out(x[0].shape), _out((n,)), _out((n,))]
        given = _ins(dy[0], x[0], *all_of(device, x)[1:], x[1])
        return results_of(device, "batch_norm_grad", [*outputs, *given], {**params, "bias": False})

    slots = ("batch_norm", "batch_norm_grad")
    return _pair(
        f"batch_norm_grad {rows}x{n}", slots, lambda d, x: all_of(d, x)[:1], backward, [(rows, n), (n,), (n,)]
    )


def _indexing(slot: str, grad: str, each: bool) -> Check:
    """take and gather, whose gradients add what they picked."""
    rng = np.random.default_rng(5)
    ids = In(rng.integers(0, 7, (3, 20, 5) if each else (20,)), "i64")
    return _pair(
        f"{slot} and {grad}",
        (slot, grad),
        lambda d, x: results_of(d, slot, [_out((3, 20, 5)), *_ins(x[0]), ids], {}),
        lambda d, x, y, dy: results_of(d, grad, [_out((3, 7, 5)), *_ins(dy[0]), ids], {}),
        [(3, 7, 5)],
    )


def _pool(i: int, shape: Sequence[int], window: Window) -> list[Check]:
    result = (shape[0], window.out(shape[1], 0), window.out(shape[2], 1), shape[3])
    index = "u8" if window.size[0] * window.size[1] <= 256 else "i32"
    params = {**window.params(), "count_pads": False}

    def largest(device: Device, x: Arrays) -> Arrays:
        return results_of(device, "max_pool2d", [_out(result), _out(result, index), *_ins(x[0])], params)

    def max_grad(device: Device, x: Arrays, _: Arrays, dy: Arrays) -> Arrays:
        taps = In(largest(device, x)[1], index)
        return results_of(device, "max_pool2d_grad", [_out(shape), *_ins(dy[0]), taps], params)

    def mean(device: Device, x: Arrays) -> Arrays:
        return results_of(device, "avg_pool2d", [_out(result), *_ins(x[0])], params)

    def mean_grad(device: Device, x: Arrays, _: Arrays, dy: Arrays) -> Arrays:
        return results_of(device, "avg_pool2d_grad", [_out(shape), *_ins(dy[0])], params)

    slots = ("max_pool2d", "max_pool2d_grad"), ("avg_pool2d", "avg_pool2d_grad")
    return [
        _pair(f"max_pool2d_grad layer {i}", slots[0], lambda d, x: largest(d, x)[:1], max_grad, [shape]),
        _pair(f"avg_pool2d_grad layer {i}", slots[1], mean, mean_grad, [shape]),
    ]


def _conv(i: int, layer: convolutions.Layer) -> Check:
    weight = (layer.out, *layer.window.size, layer.shape[3] // layer.groups)
    result, params = convolutions.out_shape(layer), convolutions.params(layer)

    def backward(device: Device, x: Arrays, _: Arrays, dy: Arrays) -> Arrays:
        dx = results_of(device, "conv2d_input_grad", [_out(layer.shape), *_ins(dy[0], x[1])], params)
        return dx + results_of(device, "conv2d_weight_grad", [_out(weight), *_ins(x[0], dy[0])], params)

    def forward(device: Device, x: Arrays) -> Arrays:
        return results_of(device, "conv2d", [_out(result), *_ins(*x)], params)

    slots = ("conv2d", "conv2d_input_grad", "conv2d_weight_grad")
    return _pair(f"conv2d gradients layer {i}", slots, forward, backward, [layer.shape, weight])


def _attention(causal: bool) -> Check:
    params = {"scale": 0.3, "causal": causal, "precision": 0}
    shapes = [(3, 33, 9), (3, 35, 9), (3, 35, 17)]

    def all_of(device: Device, x: Arrays) -> Arrays:
        return results_of(device, "attention", [_out((3, 33, 17)), _out((3, 33)), *_ins(*x)], params)

    def backward(device: Device, x: Arrays, y: Arrays, dy: Arrays) -> Arrays:
        given = _ins(*x, y[0], dy[0], all_of(device, x)[1])
        return results_of(device, "attention_grad", [*(_out(shape) for shape in shapes), *given], params)

    slots = ("attention", "attention_grad")
    return _pair(f"attention_grad causal {causal}", slots, lambda d, x: all_of(d, x)[:1], backward, shapes)


def checks() -> Iterator[Check]:
    from .gradients_recurrent import recurrent

    for entry in ELEMENTWISE:
        yield _elementwise(*entry)
    for rows, n in ((3, 7), (5, 1030)):
        for slot in ("softmax", "log_softmax"):
            yield _simple(slot, rows, n)
        for smoothing in (0.0, 0.125):
            yield _cross_entropy(rows, n, smoothing)
        yield _layer_norm(rows, n)
    yield _batch_norm(70, 9)
    yield _indexing("take", "index_add", False)
    yield _indexing("gather", "scatter_add", True)
    for i, (shape, window) in enumerate(LAYERS[:3]):
        yield from _pool(i, shape, window)
    for i, layer in enumerate(convolutions.LAYERS[:5]):
        yield _conv(i, layer)
    for causal in (False, True):
        yield _attention(causal)
    for kind in recurrences.GATES:
        for reverse in (False, True):
            yield recurrent(kind, reverse)
