"""What the processes of the phases do."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any, Callable, Iterable, Iterator

from .abi import NOT_SUPPORTED, OUT_OF_MEMORY, DeviceError, Library
from .case import MIDDLE, Case
from .cases import cases_of
from .check import run_case
from .device import Device
from .phases import Teller

PER_SLOT = 4  # cases of a slot that a sanitizer sees


def chosen(job: dict[str, Any]) -> Iterator[Case]:
    """The cases of a job, always in the same order."""
    cases = list(cases_of(job["family"]))
    if "tiny" in job["sizes"] and MIDDLE not in job["sizes"]:
        cases = [case for case in cases if case.size != MIDDLE]
    if job["slots"]:
        cases = [case for case in cases if case.slot in job["slots"]]
    if job["few"]:
        by_slot: dict[str, list[Case]] = {}
        for case in cases:
            by_slot.setdefault(case.slot, []).append(case)
        cases = [
            case
            for group in by_slot.values()
            for case in group[:: max(1, len(group) // job["few"])][: job["few"]]
        ]
    yield from cases


Check = tuple[str, Callable[[], dict[str, Any]] | None]


def _run_all(job: dict[str, Any], tell: Teller, checks: Iterable[Check]) -> int:
    """Each by its name, whose first word is the kernel's; without a function, the kernel is missing."""
    for i, (name, run) in enumerate(checks):
        kernel = name.split()[0]
        if i < job["skip"] or kernel in job["avoid"]:
            continue
        if run is None:
            tell(missing=kernel, index=i)
            continue
        tell(start=name, index=i)
        failed = {"case": name, "ok": False, "worst": 0.0, "digest": ""}
        try:
            tell(result=run())
        except DeviceError as error:
            tell(result={**failed, "problems": [str(error)]})
            if error.status not in (OUT_OF_MEMORY, NOT_SUPPORTED):
                return 3  # no call works any more: the parent goes on in a fresh process
        except Exception as error:  # noqa: BLE001
            tell(result={**failed, "problems": [f"{type(error).__name__}: {error}"]})
    tell(done=True)
    return 0


def kernels(job: dict[str, Any], tell: Teller) -> int:
    """Phase 2, and 4 and 5 with other libraries: every case of a family."""
    device = Device(Library(job["library"]))
    there = device.library.functions
    return _run_all(
        job,
        tell,
        (
            (
                case.name,
                partial(run_case, device, case, job["seed"], job["exact"]) if case.slot in there else None,
            )
            for case in chosen(job)
        ),
    )


def programs(job: dict[str, Any], tell: Teller) -> int:
    """Every recorded command, or those of some kernels."""
    from .programs import Loader, run_command
    from .recording import commands_in

    device = Device(Library(job["library"]))
    loader = Loader(device)
    commands = commands_in(job["programs"], job["every"])
    return _run_all(job, tell, ((c.name, partial(run_command, device, loader, c)) for c in commands))


def gradients(job: dict[str, Any], tell: Teller) -> int:
    from . import gradients as module

    device = Device(Library(job["library"]))
    for check in module.checks():
        missing = [slot for slot in check.slots if slot not in device.library.functions]
        if missing:
            tell(missing=check.name)
            continue
        tell(start=check.name)
        try:
            apart, limit = check.run(device, job["seed"])
            tell(result={"case": check.name, "ok": apart <= limit, "worst": apart, "limit": limit})
        except Exception as error:  # noqa: BLE001
            tell(
                result={
                    "case": check.name,
                    "ok": False,
                    "worst": 0.0,
                    "problems": [f"{type(error).__name__}: {error}"],
                }
            )
            if isinstance(error, DeviceError):
                return 3
    tell(done=True)
    return 0


def ceilings(job: dict[str, Any], tell: Teller) -> int:
    from . import ceilings as module

    return module.measure(job, tell)


def benchmarks(job: dict[str, Any], tell: Teller) -> int:
    from . import benchmarks as module

    return module.measure(job, tell)


def baselines(job: dict[str, Any], tell: Teller) -> int:
    from . import baselines as module

    return module.measure(job, tell)


def baselines_jax(job: dict[str, Any], tell: Teller) -> int:
    from . import baselines_jax as module

    return module.measure(job, tell)


WORKERS: dict[str, Callable[[dict[str, Any], Teller], int]] = {
    "kernels": kernels,
    "programs": programs,
    "gradients": gradients,
    "ceilings": ceilings,
    "benchmarks": benchmarks,
    "baselines": baselines,
    "baselines_jax": baselines_jax,
}


def work(name: str, job: dict[str, Any]) -> int:
    if name not in WORKERS:
        print(f"gpu-check: no phase {name}", file=sys.stderr)
        return 2
    return WORKERS[name](job, Teller(job))
