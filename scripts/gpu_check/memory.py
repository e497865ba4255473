"""Operands in device memory: laid out with gaps, between guard bytes, and read back whole."""

from __future__ import annotations

import math
from typing import Sequence

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .case import Const, In, Operand, Out, Update
from .device import IN, IN_OUT, OUT, Device, View, row_major
from .elements import STORED, decode, encode

PAD = 256  # bytes on each side of an operand
GUARD = 0xA5


def strides_of(shape: Sequence[int], layout: str) -> tuple[int, ...]:
    """In elements."""
    if layout == "transposed" and len(shape) >= 2:
        order = list(range(len(shape)))
        order[-1], order[-2] = order[-2], order[-1]
        dense = row_major([shape[axis] for axis in order])
        return tuple(dense[order.index(axis)] for axis in range(len(shape)))
    if layout == "gaps":
        strides, step = [], 2
        for extent in reversed(shape):
            strides.append(step)
            step = step * max(extent, 1) + 3
        return tuple(reversed(strides))
    strides = row_major(shape)
    return (0, *strides[1:]) if layout == "repeat" and shape else strides


class Placed:
    """One operand in device memory, and the bytes that it should have."""

    def __init__(self, device: Device, operand: Operand, poison: int, exact: bool) -> None:
        self.operand, self.device, self.address = operand, device, 0
        if isinstance(operand, Const):
            return
        self.dtype = STORED[operand.dtype]
        self.shape = operand.extents() if isinstance(operand, Out) else operand.values.shape
        self.strides = strides_of(self.shape, operand.layout)
        first = 1 if operand.layout == "offset" else 0
        reach = sum((extent - 1) * step for extent, step in zip(self.shape, self.strides) if extent > 0)
        span = first + (reach + 1 if 0 not in self.shape else 0)
        pad = 0 if exact else PAD
        self.start = pad + first * self.dtype.itemsize
        self.image = np.full(2 * pad + span * self.dtype.itemsize, poison, np.uint8)
        self.image[:pad] = GUARD
        self.image[len(self.image) - pad :] = GUARD
        if not isinstance(operand, Out):
            self.view_of(self.image)[...] = encode(operand.values, operand.dtype)
        self.address = device.allocate(len(self.image))
        device.upload(self.address, self.image)

    def view_of(self, image: np.ndarray) -> np.ndarray:
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        body = np.frombuffer(memoryview(image)[self.start :], np.uint8)
        base = np.ndarray((1,), self.dtype, body.data)
        return as_strided(base, self.shape, [step * self.dtype.itemsize for step in self.strides])

    def view(self) -> View:
        operand = self.operand
        if isinstance(operand, Const):
            return View(0, operand.dtype, (), (), IN, operand.value)
        role = IN if isinstance(operand, In) else OUT if isinstance(operand, Out) else IN_OUT
        return View(self.address + self.start, operand.dtype, self.shape, self.strides, role)

    def read(self) -> tuple[np.ndarray, bool]:
        """The operand's elements as stored, and whether all other bytes are as they were."""
        image = self.device.download(self.address, len(self.image))
        elements = np.array(self.view_of(image))
        rest = image.copy()
        if 0 not in self.shape:
            self.view_of(rest)[...] = np.array(self.view_of(self.image))
        return elements, bool(np.array_equal(rest, self.image))

    def values(self) -> np.ndarray:
        return decode(self.read()[0], self.operand.dtype)

    def untouched(self) -> bool:
        return bool(np.array_equal(self.device.download(self.address, len(self.image)), self.image))

    def release(self) -> None:
        if self.address:
            self.device.release(self.address)
            self.address = 0


class Placement:
    """All operands of a call, released at the end of a `with`."""

    def __init__(
        self, device: Device, operands: Sequence[Operand], poison: int = 0xFF, exact: bool = False
    ) -> None:
        self.device, self.all = device, []
        try:
            for operand in operands:
                self.all.append(Placed(device, operand, poison, exact))
        except BaseException:
            self.release()
            raise

    def views(self) -> list[View]:
        return [placed.view() for placed in self.all]

    def release(self) -> None:
        for placed in self.all:
            placed.release()

    def __enter__(self) -> "Placement":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def results_of(device: Device, slot: str, operands: Sequence[Operand], params: dict) -> list[np.ndarray]:
    """Runs a slot; what its outputs and updated operands are worth afterwards."""
    with Placement(device, operands) as placement:
        device.run(slot, placement.views(), params)
        return [p.values() for p in placement.all if isinstance(p.operand, (Out, Update))]


def bytes_of(operands: Sequence[Operand]) -> int:
    shapes = [
        (o.extents() if isinstance(o, Out) else o.values.shape, o.dtype)
        for o in operands
        if not isinstance(o, Const)
    ]
    return sum(math.prod(shape) * STORED[dtype].itemsize for shape, dtype in shapes)
