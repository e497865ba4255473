"""What PyTorch makes of the machine, as it is, compiled and best tuned: what later work is held against."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable, Iterator

from .phases import Teller
from .timing import spread

Call = Callable[[], Any]


@dataclass
class Baseline:
    """`make` is given torch and gives the call to be timed."""

    name: str
    make: Callable[[Any], Call]
    flops: float = 0.0
    size: float = 0.0  # bytes moved
    weight: float = 1.0  # of its time beside the others'
    counts: bool = False  # the kernels of one call are counted


def plan() -> list[Baseline]:
    """The most important first: what is measured is kept when time is out."""
    from . import baselines_models, baselines_ops

    groups: list[Iterator[Baseline]] = [
        baselines_models.steps(),
        baselines_ops.products(),
        baselines_ops.recurrent(),
        baselines_ops.attention(),
        baselines_ops.convolutions(),
        baselines_ops.others(),
    ]
    return _woven([list(group) for group in groups])


def _woven(groups: list[list[Baseline]]) -> list[Baseline]:
    """A few of each group in turn, so that a short run has something of everything."""
    order, take = [], 6
    while any(groups):
        for group in groups:
            order += group[:take]
            del group[:take]
    return order


def time_call(torch: Any, call: Call, seconds: float) -> dict[str, float]:
    """Microseconds of the device; short calls are timed several at once."""
    for _ in range(3):
        call()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    call()
    torch.cuda.synchronize()
    repeats = max(1, min(50, int(0.002 / max(time.perf_counter() - begin, 1e-6))))
    times, until = [], time.monotonic() + seconds
    while len(times) < 30 and (len(times) < 5 or time.monotonic() < until):
        first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        first.record()
        for _ in range(repeats):
            call()
        last.record()
        last.synchronize()
        times.append(first.elapsed_time(last) * 1e3 / repeats)
    return spread(times)


def kernels_of(torch: Any, call: Call) -> int:
    """How many kernels one call launches: what a graph would save."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        call()
        torch.cuda.synchronize()
    names = (event for event in seen.events() if str(event.device_type).endswith("CUDA"))
    return sum(
        1 for event in names if "memcpy" not in event.name.lower() and "memset" not in event.name.lower()
    )


def row_of(torch: Any, baseline: Baseline, seconds: float) -> dict[str, Any]:
    torch.manual_seed(1)
    call = baseline.make(torch)
    row: dict[str, Any] = {"name": baseline.name, **time_call(torch, call, seconds)}
    if baseline.flops:
        row["rate"] = f"{baseline.flops / row['median'] * 1e-6:.1f} TFLOP/s"
    elif baseline.size:
        row["rate"] = f"{baseline.size / row['median'] * 1e-6:.2f} TB/s"
    if baseline.counts:
        row["kernels"] = kernels_of(torch, call)
        row["rate"] = f"{row['kernels']} kernels"
    return row


def measure(job: dict[str, Any], tell: Teller) -> int:
    planned = plan()
    if job["dry"]:
        some = ", ".join(b.name for b in planned[:: max(1, len(planned) // 12)])
        tell(note=f"{len(planned)} planned: {some}, ..")
        return 0
    try:
        import torch
    except ImportError:
        tell(note="no torch")
        return 0
    begin, failures = time.monotonic(), 0
    for baseline in planned:
        if time.monotonic() - begin > job["seconds"]:
            tell(note="time is out: what follows is not measured")
            break
        try:
            tell(row=row_of(torch, baseline, 0.25 * baseline.weight))
        except Exception as error:  # noqa: BLE001
            failures += 1
            tell(note=f"{baseline.name}: {type(error).__name__}: {str(error)[:160]}")
            if "CUDA error" in str(error) or failures > 40:
                return 3
        torch.cuda.empty_cache()
    return 0
