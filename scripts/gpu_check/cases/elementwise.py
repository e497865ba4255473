"""The element-wise formulas of csrc/kernels/functors.h."""

from __future__ import annotations

import math
from typing import Callable, Iterator, Sequence

import numpy as np

from ..case import Call, Case, Const, In, Out, draw, size_of, wrapped
from ..elements import FLOATS, compute_type

DTYPES = ["f32", "f64", "f16", "bf16", "i32", "i64", "u8", "bool"]
Formula = Callable[..., np.ndarray]

erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def below(x: np.ndarray) -> np.ndarray:
    return 0.5 * erfc(-x / math.sqrt(2))


def hump(x: np.ndarray) -> np.ndarray:
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def gelu_argument(x: np.ndarray) -> np.ndarray:
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)


def gelu_tanh_grad(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    t = np.tanh(gelu_argument(b))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * b * b)
    return a * 0.5 * (1 + t + b * (1 - t * t) * slope)


def integer_pow(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """By repeated products, wrapping; a negative exponent truncates."""
    result = np.ones_like(a)
    for i in range(int(b.max(initial=0))):
        result = np.where(i < b, result * a, result)
    odd = np.where(b % 2 == 0, 1, a)
    return np.where(b < 0, np.where(a == 1, 1, np.where(a == -1, odd, 0)), result)


def power(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return integer_pow(a, b) if a.dtype.kind == "i" else np.power(a, b)


# Slot: operands, the formula, whether integers have it, and the range of its operands. Formulas with
# parameters take them as `s`.
NUMBERS: dict[str, tuple[int, Formula, bool, tuple[float, float]]] = {
    "add": (2, np.add, True, (-2, 2)),
    "sub": (2, np.subtract, True, (-2, 2)),
    "mul": (2, np.multiply, True, (-2, 2)),
    "div": (2, np.divide, False, (0.3, 2)),
    "pow": (2, power, True, (0, 3)),
    "maximum": (2, np.maximum, True, (-2, 2)),
    "minimum": (2, np.minimum, True, (-2, 2)),
    "neg": (1, np.negative, True, (-2, 2)),
    "abs": (1, np.abs, True, (-2, 2)),
    "sign": (1, np.sign, True, (-2, 2)),
    "square": (1, np.square, True, (-2, 2)),
    "floor": (1, np.floor, False, (-9, 9)),
    "ceil": (1, np.ceil, False, (-9, 9)),
    "round": (1, np.rint, False, (-9, 9)),
    "sqrt": (1, np.sqrt, False, (0, 9)),
    "rsqrt": (1, lambda x: 1 / np.sqrt(x), False, (0.1, 9)),
    "reciprocal": (1, np.reciprocal, False, (0.3, 9)),
    "exp": (1, np.exp, False, (-4, 4)),
    "expm1": (1, np.expm1, False, (-2, 2)),
    "log": (1, np.log, False, (0.01, 9)),
    "log1p": (1, np.log1p, False, (-0.9, 3)),
    "sin": (1, np.sin, False, (-9, 9)),
    "cos": (1, np.cos, False, (-9, 9)),
    "tanh": (1, np.tanh, False, (-4, 4)),
    "sigmoid": (1, sigmoid, False, (-8, 8)),
    "erf": (1, erf, False, (-3, 3)),
    "relu": (1, lambda x: np.maximum(x, 0), False, (-2, 2)),
    "gelu": (1, lambda x: x * below(x), False, (-4, 4)),
    "gelu_tanh": (1, lambda x: 0.5 * x * (1 + np.tanh(gelu_argument(x))), False, (-4, 4)),
    "silu": (1, lambda x: x * sigmoid(x), False, (-6, 6)),
    "softplus": (1, lambda x: np.logaddexp(x, 0), False, (-9, 9)),
    "where": (3, lambda c, a, b: np.where(c != 0, a, b), True, (-2, 2)),
    "greater_share": (2, lambda a, b: np.where(a > b, 1.0, np.where(a == b, 0.5, 0)), False, (-2, 2)),
    "tanh_grad": (2, lambda a, b: a * (1 - b * b), False, (-1, 1)),
    "sigmoid_grad": (2, lambda a, b: a * b * (1 - b), False, (0, 1)),
    "relu_grad": (2, lambda a, b: np.where(b > 0, a, 0), False, (-2, 2)),
    "gelu_grad": (2, lambda a, b: a * (below(b) + b * hump(b)), False, (-4, 4)),
    "gelu_tanh_grad": (2, gelu_tanh_grad, False, (-4, 4)),
    "silu_grad": (2, lambda a, b: a * sigmoid(b) * (1 + b * (1 - sigmoid(b))), False, (-6, 6)),
}
# With parameters: operands, formula of s too, integers, the parameters.
SCALED: dict[str, tuple[int, Formula, bool, list[float]]] = {
    "clamp": (1, lambda x, s: np.clip(x, s[0], s[1]), True, [-1.0, 1.0]),
    "leaky_relu": (1, lambda x, s: np.where(x < 0, x * s[0], x), False, [0.125]),
    "elu": (1, lambda x, s: np.where(x < 0, s[0] * np.expm1(np.minimum(x, 0)), s[1] * x), False, [1.5, 1.25]),
    "clamp_grad": (2, lambda a, b, s: np.where((b >= s[0]) & (b <= s[1]), a, 0), False, [-1.0, 1.0]),
    "leaky_relu_grad": (2, lambda a, b, s: np.where(b > 0, a, a * s[0]), False, [0.125]),
    "elu_grad": (
        2,
        lambda a, b, s: a * np.where(b > 0, s[1], s[0] * np.exp(np.minimum(b, 0))),
        False,
        [1.5, 1.25],
    ),
}
PREDICATES: dict[str, tuple[int, Formula]] = {
    "equal": (2, np.equal),
    "not_equal": (2, np.not_equal),
    "less": (2, np.less),
    "less_equal": (2, np.less_equal),
    "greater": (2, np.greater),
    "greater_equal": (2, np.greater_equal),
    "is_nan": (1, np.isnan),
    "is_finite": (1, np.isfinite),
    "logical_and": (2, np.logical_and),
    "logical_or": (2, np.logical_or),
    "logical_not": (1, np.logical_not),
}
# Around a thread's sixteen bytes, a warp, a block; then several blocks.
SHAPES: list[tuple[int, ...]] = [(1,), (3,), (31,), (257,), (3, 5, 7), (300, 211)]
LAYOUTS = ["plain", "offset", "transposed", "gaps"]


def _operands(
    rng: np.random.Generator, shape: Sequence[int], count: int, dtype: str, span, layout: str
) -> list:
    operands = [In(draw(rng, shape, dtype, *span), dtype, layout) for _ in range(count)]
    if layout == "broadcast":
        operands[-1] = In(draw(rng, [shape[-1]], dtype, *span), dtype)
        operands[0] = In(draw(rng, [*shape[:-1], 1], dtype, *span), dtype)
    if layout == "constant":
        value = draw(rng, [1], dtype, *span)[0].item()
        operands[-1] = Const(value, dtype)
    return operands


def _values(operands: list, shape: Sequence[int]) -> list[np.ndarray]:
    found = [np.asarray(o.value) if isinstance(o, Const) else o.values for o in operands]
    return [np.broadcast_to(v, shape) for v in found]


def _formula(slot: str, dtype: str, shape: Sequence[int], layout: str, rng: np.random.Generator) -> Call:
    scalars: list[float] = []
    if slot in SCALED:
        count, formula, _, scalars = SCALED[slot]
        operands = _operands(rng, shape, count, dtype, (-2, 2), layout)
        result = formula(*_values(operands, shape), scalars)
    else:
        count, formula, _, span = NUMBERS[slot]
        operands = _operands(rng, shape, count, dtype, span, layout)
        result = formula(*_values(operands, shape))
    expect = np.array(result, np.float64) if dtype in FLOATS else wrapped(result, dtype)
    params = {"compute": DTYPES.index(compute_type(dtype)), "scalars": scalars}
    return Call([Out(expect.reshape(shape), dtype, scale=0.2), *operands], params)


def _predicate(slot: str, dtype: str, shape: Sequence[int], layout: str, rng: np.random.Generator) -> Call:
    count, formula = PREDICATES[slot]
    operands = _operands(rng, shape, count, dtype, (-2, 2), layout)
    for operand in operands:
        if dtype in FLOATS and isinstance(operand, In) and operand.values.size > 2:
            operand.values[rng.random(operand.values.shape) < 0.2] = rng.choice(
                [np.nan, np.inf, -np.inf, 0.0]
            )
    if count == 2 and layout == "plain":
        same = rng.random(shape) < 0.3
        operands[1].values[same] = operands[0].values[same]
    expect = formula(*_values(operands, shape)).astype(np.int64)
    return Call(
        [Out(expect.reshape(shape), "bool"), *operands], {"compute": DTYPES.index(compute_type(dtype))}
    )


def _mixed(rng: np.random.Generator) -> Call:
    """Operands of several dtypes, one result: (f16 + i32) in f32."""
    a, b = draw(rng, (5, 33), "f16"), draw(rng, (5, 33), "i32", -9, 9)
    return Call([Out(a + b, "f32"), In(a, "f16", "transposed"), In(b, "i32")], {"compute": 0})


def _dtypes(slot: str) -> list[str]:
    if slot in PREDICATES:
        return ["f32", "f64", "f16", "bf16", "i32", "i64", "u8"]
    integers = NUMBERS[slot][2] if slot in NUMBERS else SCALED[slot][2]
    return ["f32", "f64", "f16", "bf16", *(["i32", "i64", "u8"] if integers else [])]


def _case(slot: str, dtype: str, shape: tuple[int, ...], layout: str) -> Case:
    make = _predicate if slot in PREDICATES else _formula
    label = f"{dtype} {'x'.join(map(str, shape))} {layout}"
    return Case(slot, label, size_of(shape), lambda rng: make(slot, dtype, shape, layout, rng))


def cases() -> Iterator[Case]:
    arity = {name: entry[0] for table in (NUMBERS, SCALED, PREDICATES) for name, entry in table.items()}
    for slot, count in arity.items():
        for dtype in _dtypes(slot):
            for shape in SHAPES if dtype == "f32" else SHAPES[3:]:
                yield _case(slot, dtype, shape, "plain")
            for layout in LAYOUTS[1:]:
                yield _case(slot, dtype, (3, 5, 7), layout)
            if count > 1:
                yield _case(slot, dtype, (3, 5, 7), "broadcast")
                yield _case(slot, dtype, (37,), "constant")
    for layout in (*LAYOUTS[1:], "broadcast"):
        yield _case("add", "f32", (40, 50, 60), layout)
    yield Case("add", "mixed dtypes", "tiny", _mixed)
