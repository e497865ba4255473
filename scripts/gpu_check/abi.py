"""The C ABI of libhebb_cuda through ctypes: csrc/stream/cuda_api.h, and records as it describes them."""

from __future__ import annotations

import ctypes
import json
import struct
from ctypes import CFUNCTYPE, POINTER, c_char, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

ABI = 3
SUCCESS, OUT_OF_MEMORY, NOT_SUPPORTED = 0, 2, 801

Kernel = CFUNCTYPE(None, c_void_p, c_void_p)
Scratch = CFUNCTYPE(c_void_p, c_void_p, c_size_t)


class Info(ctypes.Structure):
    _fields_ = [
        ("name", c_char * 128),
        ("major", c_int),
        ("minor", c_int),
        ("multiprocessors", c_int),
        ("driver", c_int),
        ("runtime", c_int),
        ("free_bytes", c_uint64),
        ("total_bytes", c_uint64),
    ]


class CudaKernel(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("slot", c_void_p), ("run", c_void_p), ("check", c_void_p)]


class Api(ctypes.Structure):
    _fields_ = [
        ("abi", c_uint32),
        ("command_bytes", c_uint32),
        ("operand_bytes", c_uint32),
        ("version", c_char_p),
        ("error_text", CFUNCTYPE(c_char_p, c_int)),
        ("count", CFUNCTYPE(c_int, POINTER(c_int))),
        ("open", CFUNCTYPE(c_int, c_int, POINTER(Info))),
        ("allocate", CFUNCTYPE(c_int, POINTER(c_void_p), c_size_t)),
        ("release", CFUNCTYPE(c_int, c_void_p)),
        ("allocate_host", CFUNCTYPE(c_int, POINTER(c_void_p), c_size_t)),
        ("release_host", CFUNCTYPE(c_int, c_void_p)),
        ("create_queue", CFUNCTYPE(c_int, POINTER(c_void_p))),
        ("destroy_queue", CFUNCTYPE(c_int, c_void_p)),
        ("finish", CFUNCTYPE(c_int, c_void_p)),
        ("copy", CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t, c_void_p)),
        ("create_event", CFUNCTYPE(c_int, POINTER(c_void_p))),
        ("destroy_event", CFUNCTYPE(c_int, c_void_p)),
        ("record_event", CFUNCTYPE(c_int, c_void_p, c_void_p)),
        ("query_event", CFUNCTYPE(c_int, c_void_p, POINTER(c_int))),
        ("wait_event", CFUNCTYPE(c_int, c_void_p)),
        ("begin_capture", CFUNCTYPE(c_int, c_void_p)),
        ("end_capture", CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p))),
        ("launch_graph", CFUNCTYPE(c_int, c_void_p, c_void_p)),
        ("destroy_graph", CFUNCTYPE(c_int, c_void_p)),
        ("load_ptx", CFUNCTYPE(c_int, c_char_p, c_char_p, POINTER(c_void_p))),
        ("launch_ptx", CFUNCTYPE(c_int, c_void_p, c_int, c_int, c_void_p, c_size_t, c_void_p)),
        ("unload_ptx", CFUNCTYPE(c_int, c_void_p)),
        ("kernels", POINTER(CudaKernel)),
        ("kernel_count", c_int),
    ]


class LibraryError(Exception):
    """A library that is missing, foreign or too old for these checks."""


class DeviceError(Exception):
    """A call of the C ABI that failed."""

    def __init__(self, what: str, status: int, text: str) -> None:
        super().__init__(f"{what}: {text} ({status})")
        self.status = status


class Layout:
    """Where the fields of a C struct lie, as hebb_cuda_describe() tells."""

    CODES = {"pointer": "Q", "u64": "Q", "i64": "q", "i32": "i", "u8": "B", "f64": "d", "bool": "?"}

    def __init__(self, described: dict[str, Any]) -> None:
        self.bytes: int = described["bytes"]
        self.fields = {
            field["name"]: (field["offset"], field["count"], self.CODES[field["type"]])
            for field in described["fields"]
        }

    def write(self, memory: Any, base: int = 0, **values: Any) -> None:
        for name, value in values.items():
            if name not in self.fields:
                raise LibraryError(f"no field {name}; there are {', '.join(self.fields)}")
            offset, count, code = self.fields[name]
            items = list(value) if isinstance(value, (list, tuple, bytes)) else [value]
            if len(items) > count:
                raise LibraryError(f"{name} has {count} entries, got {len(items)}")
            struct.pack_into(f"<{len(items)}{code}", memory, base + offset, *items)

    def read(self, memory: Any, name: str) -> Any:
        offset, _, code = self.fields[name]
        return struct.unpack_from(f"<{code}", memory, offset)[0]


class Library:
    """A loaded libhebb_cuda or libhebb_cuda_emulator."""

    def __init__(self, path: str) -> None:
        try:
            self._library = ctypes.CDLL(path, mode=ctypes.RTLD_LOCAL)
            self._library.hebb_cuda_api.restype = POINTER(Api)
        except (OSError, AttributeError) as error:
            raise LibraryError(f"{path} is no library of hebb: {error}") from error
        self.path = path
        self.api: Api = self._library.hebb_cuda_api().contents
        if self.api.abi != ABI:
            raise LibraryError(f"{path} has interface {self.api.abi}; these checks know {ABI}")
        try:
            self._library.hebb_cuda_describe.restype = c_char_p
        except AttributeError as error:
            raise LibraryError(f"{path} lacks hebb_cuda_describe: build it from newer sources") from error
        self.description = json.loads(self._library.hebb_cuda_describe())
        self.dtypes: list[str] = self.description["dtypes"]
        self.operand, self.command, self.context, self.fault = (
            Layout(self.description[name]) for name in ("operand", "command", "context", "fault")
        )
        self.kernels = {k["name"]: k for k in self.description["kernels"]}
        self.params = {name: Layout(k["params"]) for name, k in self.kernels.items()}
        self.functions: dict[str, CudaKernel] = {}
        for i in range(self.api.kernel_count):
            kernel = self.api.kernels[i]
            self.functions[kernel.name.decode()] = kernel

    def check(self, what: str, status: int) -> None:
        if status != SUCCESS:
            raise DeviceError(what, status, self.api.error_text(status).decode())
