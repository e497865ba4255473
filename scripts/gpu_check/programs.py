"""Runs recorded programs: three times each, every byte that they may touch looked at."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_void_p
from typing import Any

import numpy as np

from .check import POISONS, Runs
from .device import Device
from .elements import FLOATS, STORED, decode
from .memory import GUARD, PAD
from .recording import Command, Output

Grid = tuple[int, int]  # blocks and threads
BITS = {1: np.uint8, 2: np.int16, 4: np.int32, 8: np.int64}


class LoadError(Exception):
    """A text that the driver refuses."""


class Loader:
    """The kernel that was asked for last: commands of one text follow each other."""

    def __init__(self, device: Device) -> None:
        self.device, self._entry, self._handle = device, "", c_void_p()

    def kernel(self, command: Command) -> int:
        if self._entry != command.entry:
            self.close()
            api, loaded = self.device.api, c_void_p()
            status = api.load_ptx(command.text.encode(), command.entry.encode(), byref(loaded))
            if status != 0:
                text = api.error_text(status).decode()
                self.device.finish()  # raises where no call works any more
                raise LoadError(f"does not load: {text} ({status})")
            self._entry, self._handle = command.entry, loaded
        return self._handle.value or 0

    def close(self) -> None:
        if self._entry:
            entry, self._entry = self._entry, ""
            self.device.library.check(f"unload {entry}", self.device.api.unload_ptx(self._handle))


class Block:
    """A memory of a command on the device, between guard bytes, and all that it should hold."""

    def __init__(self, device: Device, command: Command, index: int, poison: int) -> None:
        memory = command.memories[index]
        self.device, self.start = device, PAD + memory.misaligned
        self.image = np.full(self.start + memory.size + PAD, GUARD, np.uint8)
        body = self.image[self.start : self.start + memory.size]
        body[:] = poison if memory.before is None else memory.before
        self.written = np.zeros(len(self.image), bool)
        for output in command.outputs:
            if output.memory != index:
                continue
            span = slice(self.start + output.offset, self.start + output.offset + len(output.after))
            self.written[span] = True
            if not output.read:
                self.image[span] = poison
        self.address = device.allocate(len(self.image))
        device.upload(self.address, self.image)

    def read(self) -> tuple[np.ndarray, bool]:
        """The bytes of the memory, and whether all that no output has are as they were."""
        image = self.device.download(self.address, len(self.image))
        clean = bool(np.array_equal(image[~self.written], self.image[~self.written]))
        return image[self.start :], clean


def units_apart(found: np.ndarray, wanted: np.ndarray, dtype: str) -> np.ndarray:
    """Of each element, in the last place: all NaNs are the same, and zeros half a unit apart."""
    bits = BITS[STORED[dtype].itemsize]
    x, y = found.view(bits), wanted.view(bits)
    if dtype not in FLOATS:
        return np.where(x == y, 0.0, np.inf)
    # Numbers of the same sign are as far apart as their bits, which do not overflow.
    with np.errstate(over="ignore"):
        apart = np.abs(x.astype(np.int64) - y.astype(np.int64)).astype(np.float64)
    a, b = decode(found.view(STORED[dtype]), dtype), decode(wanted.view(STORED[dtype]), dtype)
    apart = np.where((x < 0) != (y < 0), np.where(a == b, 0.5, np.inf), apart)
    nans = np.isnan(a), np.isnan(b)
    return np.where(nans[0] & nans[1], 0.0, np.where(nans[0] | nans[1], np.inf, apart))


def judge(command: Command, output: Output, found: np.ndarray) -> tuple[str, float]:
    """What is wrong with an output, or '', and how many units it is away from what the CPU gave."""
    apart = units_apart(found, output.after, output.dtype)
    bad = apart > command.units
    stored = STORED[output.dtype]
    if output.dtype == "f64" and command.absolute > 0:
        with np.errstate(invalid="ignore"):
            bad &= ~(np.abs(found.view(stored) - output.after.view(stored)) <= command.absolute)
    if not bad.any():
        return "", float(np.max(apart, initial=0.0, where=np.isfinite(apart)))
    at = int(np.argmax(np.where(bad, apart, -1)))
    values = (decode(np.copy(b).view(stored), output.dtype)[at] for b in (found, output.after))
    text = f"{bad.sum()} of {len(bad)} {output.dtype}, by up to {apart[at]:g} units > {command.units:g}"
    return f"{text}; {' != '.join(str(value) for value in values)} at {at}", float(apart[at])


def _launch(device: Device, kernel: int, command: Command, blocks: list[Block], grid: Grid) -> None:
    arguments = command.arguments.copy()
    for argument, memory, offset in command.addresses:
        arguments[argument] = blocks[memory].address + blocks[memory].start + offset
    data = arguments.ctypes.data_as(c_void_p)
    status = device.api.launch_ptx(kernel, grid[0], grid[1], data, arguments.nbytes, device.queue)
    device.library.check("launch", status)
    device.finish()


def _run_once(
    device: Device, kernel: int, command: Command, grid: Grid, poison: int
) -> tuple[list[str], float, bytes]:
    blocks: list[Block] = []
    problems, worst, outputs = [], 0.0, []
    try:
        for index in range(len(command.memories)):
            blocks.append(Block(device, command, index, poison))
        _launch(device, kernel, command, blocks, grid)
        images = []
        for index, block in enumerate(blocks):
            image, clean = block.read()
            images.append(image)
            if not clean:
                problems.append(f"memory {index}: bytes that are no output's were written")
        for i, output in enumerate(command.outputs):
            found = images[output.memory][output.offset : output.offset + len(output.after)]
            text, apart = judge(command, output, np.copy(found))
            worst = max(worst, apart)
            problems += [f"output {i}: {text}"] if text else []
            outputs.append(found.tobytes())
    finally:
        for block in blocks:
            device.release(block.address)
    return problems, worst, b"".join(outputs)


def run_command(device: Device, loader: Loader, command: Command) -> dict[str, Any]:
    """One command, on each of its grids and the first again."""
    kernel, runs = loader.kernel(command), Runs()
    for i, poison in enumerate(POISONS):
        grid = command.grids[i % len(command.grids)]
        what = f", of {grid[0]} x {grid[1]} threads,"
        runs.add(*_run_once(device, kernel, command, grid, poison), what)
    return {**runs.result(command.name), "group": command.outputs[0].dtype}
