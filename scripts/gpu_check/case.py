"""What one check is: a slot, its operands with what is expected of the outputs, and its parameters."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any, Callable, Sequence

import numpy as np

from .device import Fault
from .elements import FLOATS, rounded

TINY, MIDDLE = "tiny", "middle"


@dataclass
class In:
    """An input. Layouts: plain, offset (by one element), transposed (the last two axes), gaps (every axis has
    some), repeat (the first axis has stride 0)."""

    values: np.ndarray
    dtype: str
    layout: str = "plain"


@dataclass
class Const:
    value: float
    dtype: str


@dataclass
class Out:
    """An output; `expect` is float64 or int64. Outputs without it are not looked at."""

    expect: np.ndarray | None
    dtype: str
    layout: str = "plain"
    tolerance: float | None = None  # instead of the dtype's
    scale: float = 0.0  # of terms that may cancel: elements are held against at least this
    shape: tuple[int, ...] = ()  # where there is no `expect`

    def extents(self) -> tuple[int, ...]:
        return self.shape if self.expect is None else self.expect.shape


@dataclass
class Update:
    """An operand that is read and written."""

    values: np.ndarray
    expect: np.ndarray | None
    dtype: str
    layout: str = "plain"
    tolerance: float | None = None
    scale: float = 0.0  # as of outputs


Operand = In | Const | Out | Update


@dataclass
class Call:
    operands: Sequence[Operand]
    params: dict[str, Any] = field(default_factory=dict)
    fault: Fault | None = None  # outputs are then undefined


@dataclass
class Case:
    slot: str
    label: str
    size: str  # TINY or MIDDLE
    build: Callable[[np.random.Generator], Call]

    @property
    def name(self) -> str:
        return f"{self.slot} {self.label}"

    def call(self, seed: int) -> Call:
        """The same for the same seed, whatever else is run."""
        return self.build(np.random.default_rng([seed, zlib.crc32(self.name.encode())]))


def size_of(shape: Sequence[int], limit: int = 4096) -> str:
    return TINY if int(np.prod(shape, dtype=np.int64)) <= limit else MIDDLE


def draw(
    rng: np.random.Generator, shape: Sequence[int], dtype: str, low: float = -2, high: float = 2
) -> np.ndarray:
    """Random elements of a dtype, as what they are worth."""
    if dtype in FLOATS:
        return rounded(rng.uniform(low, high, tuple(shape)), dtype)
    if dtype == "bool":
        return rng.integers(0, 2, tuple(shape)).astype(np.int64)
    if dtype == "u8":
        low, high = max(low, 0), min(high, 255)
    return rng.integers(int(low), int(high), tuple(shape), endpoint=True).astype(np.int64)


def wrapped(values: np.ndarray, dtype: str) -> np.ndarray:
    """Integers as a dtype holds them after an overflow."""
    if dtype == "bool":
        return (values != 0).astype(np.int64)
    kinds = {"u8": np.uint8, "i32": np.int32, "i64": np.int64}
    return np.asarray(values).astype(kinds[dtype]).astype(np.int64)
