"""The phases of gpu-check, one after the other, within a budget of time."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, Callable

from .abi import Library, LibraryError
from .build import FOLDER, BuildError, device_library, emulator_library, environment
from .cases import FAMILIES, UNCHECKED, family_of
from .hashes import PROGRAMS, families
from .report import Report

PHASES = (
    "library",
    "ceilings",
    "kernels",
    "programs",
    "gradients",
    "delay",
    "sanitizer",
    "benchmarks",
    "node",
    "baselines",
)


def options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    parser.add_argument("--budget", type=float, default=540, help="seconds for everything (default 540)")
    parser.add_argument(
        "--only", default="", help=f"comma-separated phases ({', '.join(PHASES)}), families or slots"
    )
    parser.add_argument("--quick", action="store_true", help="tiny shapes, few benchmarks")
    parser.add_argument("--baselines", action="store_true", help="measure PyTorch and JAX too")
    parser.add_argument("--dry-run", action="store_true", help="on the emulator, without a GPU")
    parser.add_argument(
        "--out", default=os.environ.get("OUT", str(FOLDER.parent / "gpu")), help="folder of the results"
    )
    parser.add_argument("--library", help="a libhebb_cuda.so to check instead of building one")
    parser.add_argument("--programs", help="a file of hebb_tests --record, instead of recording one")
    parser.add_argument("--node", help="a Node binary, to train with the packed package")
    parser.add_argument("--package", help="the folder of that package")
    parser.add_argument("--seed", type=int, default=None, help="of the inputs (default: a fresh one)")
    parser.add_argument("--hashes", action="store_true", help="print the hash of each kernel family and end")
    parser.add_argument("--phase", help=argparse.SUPPRESS)
    parser.add_argument("--job", default="{}", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


class Run:
    """One run: what was asked for, what is left of its time, and what is known so far."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked, self.begin = asked, time.monotonic()
        names = [name for name in asked.only.split(",") if name]
        self.phases = [name for name in names if name in PHASES]
        self.only = [name for name in names if name not in PHASES]
        self.seed = secrets.randbelow(2**31) if asked.seed is None else asked.seed
        self.report = Report(Path(asked.out))
        self.library, self.exported = "", set[str]()
        self.workers = 1 if asked.dry_run else max(1, min(4, (os.cpu_count() or 1) // 2))
        self.failed: list[str] = []
        self.floors: dict[str, float] = {}
        self.digests: dict[str, dict[str, str]] = {}

    def left(self) -> float:
        return self.asked.budget - (time.monotonic() - self.begin)

    def wants(self, phase: str) -> bool:
        return not self.phases or phase in self.phases

    def job(self, **more: Any) -> dict[str, Any]:
        sizes = ["tiny"] if self.asked.quick else ["tiny", "middle"]
        base = {
            "library": self.library,
            "seed": self.seed,
            "sizes": sizes,
            "slots": [],
            "exact": False,
            "few": 0,
        }
        return {**base, "quick": self.asked.quick, "dry": self.asked.dry_run, **more}


def load_library(run: Run) -> bool:
    """Phase 0: the carried library where it loads, else one built here."""
    report, carried = run.report, run.asked.library
    report.result["environment"] = environment()
    begin = time.monotonic()
    try:
        run.library = carried or (
            emulator_library() if run.asked.dry_run else device_library(seconds=run.left() * 0.6)
        )
        try:
            library = Library(run.library)
        except LibraryError as error:
            if not carried or run.asked.dry_run:
                raise
            report.say(f"{error}; building one")
            run.library = device_library(seconds=run.left() * 0.6)
            library = Library(run.library)
    except (BuildError, LibraryError) as error:
        report.say(f"no library: {error}")
        report.phase("library", {"error": str(error)}, "failed")
        return False
    run.exported = set(library.functions)
    unknown = sorted(run.exported - {slot for slots in all_slots().values() for slot in slots})
    value = {"path": run.library, "seconds": round(time.monotonic() - begin, 1), "kernels": len(run.exported)}
    for slot in unknown:
        report.say(f"   {slot}: exported, but no case checks it{reason_of(slot)}")
    report.phase("library", {**value, "unchecked": unknown}, "ok")
    return True


def all_slots() -> dict[str, list[str]]:
    from .cases import slots_of

    return {family: slots_of(family) for family in FAMILIES}


def reason_of(slot: str) -> str:
    found = next((why for name, why in UNCHECKED.items() if slot.startswith(name)), "")
    return f" ({found})" if found else ""


def verified(run: Run) -> dict[str, dict[str, Any]]:
    """Each kernel family, and programs: its hash, and whether all cases passed, nothing else failing."""
    phases = run.report.result["phases"]
    kernels, programs = ((phases.get(name, {}).get("value") or {}) for name in ("kernels", "programs"))
    whole = not (run.asked.quick or run.asked.dry_run or run.asked.only or run.failed)
    found = {}
    for source, digest in families().items():
        family = family_of(source)
        passed = programs if source == PROGRAMS else kernels.get(family, {}) if family else {}
        good = bool(passed.get("passed")) and passed.get("failed") == 0 and passed.get("complete", False)
        found[source] = {"hash": digest, "verified": whole and good, "cases": passed.get("passed", 0)}
    return found


def main(arguments: list[str]) -> int:
    asked = options(arguments)
    if asked.phase:
        from .workers import work

        return work(asked.phase, json.loads(asked.job))
    if asked.hashes:
        print(json.dumps(families(), indent=1))
        return 0
    from . import steps

    run = Run(asked)
    run.report.result.update(seed=run.seed, dryRun=asked.dry_run, quick=asked.quick)
    run.report.say(f"gpu-check: seed {run.seed}, {asked.budget:.0f} s{', dry run' if asked.dry_run else ''}")
    if not load_library(run):
        run.report.close(["FAILED: no library"])
        return 1
    todo: list[tuple[str, Callable[[Run], None]]] = steps.order(run)
    for name, step in todo:
        if not run.wants(name):
            continue
        if run.left() < 5:
            run.report.phase(name, None, "skipped: no time left")
            continue
        step(run)
    run.report.result["verified"] = verified(run)
    seconds = time.monotonic() - run.begin
    verdict = f"FAILED: {', '.join(run.failed)}" if run.failed else "ok"
    run.report.close([f"{verdict}; {seconds:.0f} s; results in {run.report.folder / 'result.json'}"])
    return 1 if run.failed else 0
