"""Runs the benchmarks: hebb, PyTorch as it is and PyTorch compiled, interleaved, beside the floor."""

from __future__ import annotations

import time
from typing import Any

from .abi import Library
from .benchmark_cases import Bench, Set, benches
from .device import Device
from .phases import Teller
from .timing import Clock, sets_for

SECONDS = 190.0
# Slots that torch.compile makes something else of; it takes seconds for each.
COMPILED = ("gelu", "softmax", "cross_entropy")


def floor_of(bench: Bench, floors: dict[str, float]) -> float | None:
    """Microseconds that the ceilings allow."""
    by_copy = floors.get("copy_bandwidth (TB/s)")
    bounds = [bench.size / (by_copy * 1e12) * 1e6] if by_copy else []
    if bench.flops and floors.get(bench.floor):
        bounds.append(bench.flops / (floors[bench.floor] * 1e12) * 1e6)
    return max(bounds) if bounds else None


def _apart(made: Set) -> float:
    if made.check is None:
        return 0.0
    own, theirs = made.check()
    own, theirs = own.double().reshape(-1), theirs.double().reshape(-1)
    return float((own - theirs).norm() / theirs.norm())


def run_bench(
    bench: Bench, device: Device, clock: Clock, torch: Any, job: dict[str, Any], seconds: float
) -> dict:
    where = "cpu" if job["dry"] else "cuda"
    count = 1 if job["dry"] else sets_for(bench.size, 64 if not bench.flops else 8)
    made = [bench.make(torch, where) for _ in range(count)]
    commands = [device.prepare(bench.slot, one.views, bench.params) for one in made]
    if not job["dry"]:
        torch.cuda.synchronize()
    own = [lambda command=command: device.launch(bench.slot, command) for command in commands]
    replays = {"hebb": (clock.own(own), count), "eager": (clock.rival([one.eager for one in made]), count)}
    apart = _apart(made[0])
    if bench.slot in COMPILED and not job["dry"] and not job["quick"]:
        try:
            compiled = [torch.compile(one.eager) for one in made[:4]]
            replays["compile"] = (clock.rival(compiled), len(compiled))
        except Exception as error:  # noqa: BLE001
            apart = apart if apart else 0.0
            replays.pop("compile", None)
            print(f"{bench.name}: torch.compile: {error}")
    times = clock.interleave(replays, seconds)
    clock.close()
    median, floor = times["hebb"]["median"], floor_of(bench, job["floors"])
    row = {"name": bench.name, "median": median, "times": times, "error": apart, "sets": count}
    row["floor"] = round(floor, 3) if floor else None
    row["percent"] = round(100 * floor / median, 1) if floor else None
    for rival in ("eager", "compile"):
        row[rival] = round(times[rival]["median"] / median, 3) if rival in times else None
    return row


def measure(job: dict[str, Any], tell: Teller) -> int:
    plan = list(benches(job["dry"]))
    if job["only"]:
        plan = [bench for bench in plan if bench.slot in job["only"]]
    if job["quick"] and not job["dry"]:
        plan = plan[:8]
    try:
        import torch
    except ImportError:
        tell(note=f"no torch; planned: {', '.join(bench.name for bench in plan)}")
        return 0
    library = Library(job["library"])
    device, begin, bad = Device(library), time.monotonic(), 0
    device.poisons = False
    clock = Clock(device, job["dry"])
    torch.backends.cuda.matmul.allow_tf32 = False
    for bench in plan:
        if bench.slot not in library.functions:
            tell(note=f"{bench.name}: no kernel")
            continue
        left = SECONDS - (time.monotonic() - begin)
        if left < 2:
            tell(note=f"{bench.name}: no time left")
            continue
        row = run_bench(bench, device, clock, torch, job, min(1.5, left / 4))
        if not row["error"] < 2e-2:
            bad += 1
            tell(note=f"{bench.name}: differs from torch by {row['error']:.3g}")
        tell(row=row)
        if not job["dry"]:
            torch.cuda.empty_cache()
    return 1 if bad else 0
