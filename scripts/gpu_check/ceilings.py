"""What the machine can do at best: bandwidths, rates of products, latencies of launches and barriers."""

from __future__ import annotations

import ctypes
from typing import Any

from .phases import Teller

# Functions of ceilings.cu and the unit they are told in.
FIGURES = {
    "copy_bandwidth": ("TB/s", 1e-12),
    "l2_bandwidth": ("TB/s", 1e-12),
    "shared_bandwidth": ("TB/s", 1e-12),
    "upload_pinned": ("GB/s", 1e-9),
    "upload_pageable": ("GB/s", 1e-9),
    "fma_rate": ("TFLOP/s", 1e-12),
    "launch_host": ("us", 1e6),
    "launch_round_trip": ("us", 1e6),
    "graph_node": ("us", 1e6),
    "grid_barrier": ("us", 1e6),
    "cluster_barrier": ("us", 1e6),
}
COPY_BYTES = 1 << 30
PRODUCTS = ("fp32", "tf32", "bf16", "fp16", "fp64")
SIZE = 8192


def _own(path: str, tell: Teller) -> None:
    library = ctypes.CDLL(path)
    for name, (unit, scale) in FIGURES.items():
        function = getattr(library, name)
        function.restype = ctypes.c_double
        arguments = (ctypes.c_size_t(COPY_BYTES),) if name == "copy_bandwidth" else ()
        value = function(*arguments)
        if value < 0:
            tell(note=f"{name}: cudaError_t {-value - 1:.0f}")
        else:
            tell(figure={f"{name} ({unit})": round(value * scale, 3)})


def product_rate(kind: str, size: int) -> float:
    """TFLOP/s of torch.matmul on random data: zeros draw less power and are faster."""
    import torch

    dtype = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}.get(
        kind, torch.float64
    )
    torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    a, b = (torch.randn(size, size, device="cuda", dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    times = []
    for i in range(13):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        torch.matmul(a, b, out=out)
        end.record()
        end.synchronize()
        if i >= 3:
            times.append(begin.elapsed_time(end))
    return 2.0 * size**3 / (sorted(times)[len(times) // 2] * 1e-3) * 1e-12


def measure(job: dict[str, Any], tell: Teller) -> int:
    names = [*FIGURES, *(f"matmul {kind}" for kind in PRODUCTS)]
    if job["dry"]:
        tell(note=f"planned: {', '.join(names)}")
        return 0
    if job["ceilings"]:
        _own(job["ceilings"], tell)
    try:
        for kind in PRODUCTS:
            size = SIZE // 2 if kind in ("fp32", "fp64") else SIZE
            tell(figure={f"matmul {kind} (TFLOP/s)": round(product_rate(kind, size), 2)})
    except ImportError:
        tell(note="no torch: the rates of matrix products are not measured")
    return 0
