"""Fused programs as tests/csrc/ptx_record.cpp writes them: kernels in PTX, and commands with their memory."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import IO, Any, Iterator

import numpy as np

FORMAT = "hebb programs 1"
COMPRESSED = b"\x1f\x8b"


class RecordingError(Exception):
    """A file that is no recording, or ends too early."""


@dataclass(frozen=True)
class Memory:
    """Bytes that operands of a command share; without `before`, an output alone."""

    size: int
    misaligned: int  # of its address, by 16
    before: np.ndarray | None


@dataclass(frozen=True)
class Output:
    memory: int
    offset: int
    dtype: str
    read: bool  # by the program too
    after: np.ndarray


@dataclass(frozen=True)
class Command:
    """A launch: what the program may touch, and what the CPU made of it."""

    entry: str
    text: str
    what: str
    units: float  # in the last place, that an element may be away
    absolute: float  # or that, of f64
    grids: list[tuple[int, int]]  # blocks and threads
    arguments: np.ndarray
    addresses: list[tuple[int, int, int]]  # argument, memory, offset
    memories: list[Memory]
    outputs: list[Output]

    @property
    def name(self) -> str:
        return f"{self.entry} {self.what}"


def _line(file: IO[bytes], path: str) -> dict[str, Any]:
    try:
        line = json.loads(file.readline())
    except (ValueError, EOFError, OSError) as error:
        raise RecordingError(f"{path} is no recording of programs: {error}") from error
    if not isinstance(line, dict):
        raise RecordingError(f"{path} is no recording of programs")
    return line


def _bytes(file: IO[bytes], size: int, path: str) -> np.ndarray:
    data = file.read(size)
    if len(data) != size:
        raise RecordingError(f"{path} ends too early")
    return np.frombuffer(data, np.uint8)


def _command(file: IO[bytes], kernel: dict[str, Any], line: dict[str, Any], path: str) -> Command:
    memories = [
        Memory(m["bytes"], m["misaligned"], _bytes(file, m["bytes"], path) if m["given"] else None)
        for m in line["memories"]
    ]
    outputs = [
        Output(o["memory"], o["offset"], o["dtype"], o["read"], _bytes(file, o["bytes"], path))
        for o in line["outputs"]
    ]
    return Command(
        entry=kernel["kernel"],
        text=kernel["text"],
        what=line["command"],
        units=line["units"],
        absolute=line["absolute"],
        grids=[(blocks, threads) for blocks, threads in line["grids"]],
        arguments=np.array(line["arguments"], np.uint64),
        addresses=[(argument, memory, offset) for argument, memory, offset in line["addresses"]],
        memories=memories,
        outputs=outputs,
    )


def _open(path: str) -> IO[bytes]:
    with open(path, "rb") as file:
        compressed = file.read(2) == COMPRESSED
    return gzip.open(path) if compressed else open(path, "rb")


def kernels_in(path: str) -> int:
    """How many texts a recording has."""
    try:
        with _open(path) as file:
            head = _line(file, path)
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}") from error
    if head.get("format") != FORMAT:
        raise RecordingError(f"{path} is no recording of programs that these checks know: {FORMAT}")
    return int(head["kernels"])


def commands_in(path: str, every: int = 1) -> Iterator[Command]:
    """In the order of the file; of each `every`-th kernel."""
    with _open(path) as file:
        commands, kernel, index = _line(file, path)["commands"], {}, -1
        while commands > 0:
            line = _line(file, path)
            if "kernel" in line:
                kernel, index = line, index + 1
                continue
            commands -= 1
            if index % every == 0:
                yield _command(file, kernel, line, path)
            else:
                file.seek(line["payload"], 1)
