"""A device behind the C ABI: memory, copies, and kernels called with commands built here."""

from __future__ import annotations

import ctypes
from ctypes import byref, c_void_p
from typing import Any, NamedTuple, Sequence

import numpy as np

from .abi import Info, Kernel, Library, LibraryError, Scratch
from .elements import STORED

NO_FAULT = 2**64 - 1
IN, OUT, IN_OUT = 0, 1, 2
POISON = 0xFF  # NaN in every float type
RANK = 8


class Fault(NamedTuple):
    position: int
    value: int
    limit: int


class View(NamedTuple):
    """An operand: an address and a layout; without an address, a constant."""

    data: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    role: int
    constant: float = 0.0


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    strides, step = [], 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


class Device:
    """Device 0 of a library and one queue on it. Kernels run one at a time, unless `waits` is off."""

    def __init__(self, library: Library) -> None:
        self.library, self.api = library, library.api
        self.waits, self.poisons = True, True
        self.info = Info()
        library.check("open", self.api.open(0, byref(self.info)))
        queue = c_void_p()
        library.check("create_queue", self.api.create_queue(byref(queue)))
        self.queue = queue.value
        self._fault = self._host_memory(library.fault.bytes)
        self._scratch, self._scratch_bytes = 0, 0
        self._scratch_function = Scratch(self._give_scratch)
        # What operands name as their block: a kernel only asks whether there is one.
        self._block = ctypes.create_string_buffer(64)
        self._context = ctypes.create_string_buffer(library.context.bytes)
        library.context.write(
            self._context,
            queue=self.queue,
            multiprocessors=self.info.multiprocessors,
            fault=ctypes.addressof(self._fault),
            scratch=ctypes.cast(self._scratch_function, c_void_p).value,
        )

    def _host_memory(self, size: int) -> Any:
        data = c_void_p()
        self.library.check("allocate_host", self.api.allocate_host(byref(data), size))
        return (ctypes.c_char * size).from_address(data.value)

    def _give_scratch(self, _context: int, size: int) -> int:
        """One piece, grown as needed; an exception here could not pass through C."""
        try:
            if size > self._scratch_bytes:
                self.finish()
                if self._scratch:
                    self.release(self._scratch)
                self._scratch, self._scratch_bytes = 0, 0
                self._scratch, self._scratch_bytes = self.allocate(size), size
            if self.poisons and size > 0:
                self.upload(self._scratch, np.full(size, POISON, np.uint8))
            return self._scratch
        except Exception:  # noqa: BLE001
            return 0

    def allocate(self, size: int) -> int:
        data = c_void_p()
        self.library.check("allocate", self.api.allocate(byref(data), max(size, 1)))
        return data.value or 0

    def release(self, data: int) -> None:
        self.library.check("release", self.api.release(data))

    def finish(self) -> None:
        self.library.check("finish", self.api.finish(self.queue))

    def upload(self, to: int, values: np.ndarray) -> None:
        values = np.ascontiguousarray(values)
        if values.nbytes > 0:
            self.library.check("copy", self.api.copy(to, values.ctypes.data, values.nbytes, self.queue))
        self.finish()

    def download(self, data: int, size: int) -> np.ndarray:
        values = np.empty(size, np.uint8)
        if size > 0:
            self.library.check("copy", self.api.copy(values.ctypes.data, data, size, self.queue))
        self.finish()
        return values

    def _operands(self, views: Sequence[View]) -> Any:
        layout = self.library.operand
        memory = ctypes.create_string_buffer(layout.bytes * max(len(views), 1))
        for i, view in enumerate(views):
            layout.write(
                memory,
                i * layout.bytes,
                data=view.data,
                block=ctypes.addressof(self._block) if view.data else 0,
                constant=view.constant,
                dtype=self.library.dtypes.index(view.dtype),
                role=view.role,
                rank=len(view.shape),
                shape=list(view.shape),
                strides=list(view.strides),
            )
        return memory

    def prepare(self, slot: str, views: Sequence[View], params: dict[str, Any]) -> Any:
        """A command that can be run again and again; it keeps its operands alive."""
        operands = self._operands(views)
        command = ctypes.create_string_buffer(self.library.command.bytes)
        inner = ctypes.create_string_buffer(max(self.library.params[slot].bytes, 1))
        self.library.params[slot].write(inner, **params)
        self.library.command.write(
            command,
            slot=self.library.functions[slot].slot,
            operand_count=len(views),
            operands=ctypes.addressof(operands),
            params=inner.raw,
        )
        command.keeps = operands
        return command

    def launch(self, slot: str, command: Any, check: bool = False) -> None:
        """Queues a prepared command, or the check of a guard."""
        kernel = self.library.functions[slot]
        function = Kernel(kernel.check if check else kernel.run)
        self.library.context.write(self._context, status=0)
        function(ctypes.addressof(command), ctypes.addressof(self._context))
        self.library.check(slot, self.library.context.read(self._context, "status"))

    def run(
        self, slot: str, views: Sequence[View], params: dict[str, Any], check: bool = False
    ) -> Fault | None:
        """Runs a kernel to its end; what its guard reported, if anything."""
        if slot not in self.library.functions:
            raise LibraryError(f"{slot}: no kernel")
        self.library.fault.write(self._fault, position=NO_FAULT, value=0, limit=0)
        self.launch(slot, self.prepare(slot, views, params), check)
        self.finish()
        seen = Fault(*(self.library.fault.read(self._fault, name) for name in Fault._fields))
        return None if seen.position == NO_FAULT else seen


def item_size(dtype: str) -> int:
    return STORED[dtype].itemsize
