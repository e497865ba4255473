"""All kernels, each family in a process of its own, or all programs, and what became of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from .cases import FAMILIES, slots_of
from .phases import run_phase

RESTARTS = 12
STALL_SECONDS = 45.0  # without a word: a kernel that does not end


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1][:300] if text.strip() else ""


@dataclass
class Sweep:
    """What one family's cases came to."""

    family: str
    passed: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    worst: dict[str, float] = field(default_factory=dict)  # by slot and dtype, or as results say
    seconds: float = 0.0
    complete: bool = False

    @property
    def ok(self) -> bool:
        return self.complete and not self.failures and self.passed > 0

    def add(self, result: dict[str, Any]) -> None:
        self.digests[result["case"]] = result["digest"]
        if not result["ok"]:
            self.failures.append({"case": result["case"], "problems": result["problems"]})
            return
        self.passed += 1
        key = result.get("group") or " ".join(result["case"].split()[:2])
        self.worst[key] = max(self.worst.get(key, 0.0), result["worst"])

    def summary(self) -> dict[str, Any]:
        return {
            "passed": self.passed,
            "failed": len(self.failures),
            "failures": self.failures[:20],
            "noKernel": sorted(set(self.missing)),
            "complete": self.complete,
            "seconds": round(self.seconds, 1),
            "worst": {key: float(f"{value:.2g}") for key, value in self.worst.items()},
        }


def sweep_family(
    family: str, job: dict[str, Any], timeout: float, under: tuple[str, ...] = (), phase: str = "kernels"
) -> Sweep:
    """Goes on behind a case that ended its process, without the other cases of its slot."""
    sweep, skip, avoid = Sweep(family), 0, []
    for _ in range(RESTARTS):
        left = timeout - sweep.seconds
        if left < 1:
            break
        job = {**job, "family": family, "skip": skip, "avoid": avoid}
        outcome = run_phase(
            phase, job, left, under, stall=STALL_SECONDS if not under else 2 * STALL_SECONDS
        )
        sweep.seconds += outcome.seconds
        sweep.missing += outcome.values("missing")
        results = outcome.values("result")
        for result in results:
            sweep.add(result)
        if outcome.values("done"):
            sweep.complete = True
            break
        started, told = outcome.values("start"), {result["case"] for result in results}
        if started and started[-1] not in told:
            what = "ended its process" if outcome.status == "failed" else "does not end"
            problem = f"{what}; {last_line(outcome.tail)}"
            sweep.add({"case": started[-1], "ok": False, "problems": [problem], "worst": 0.0, "digest": ""})
        if started:
            avoid = [*avoid, started[-1].split()[0]]
        if outcome.status == "timeout":
            break
        indices = outcome.values("index")
        if not indices:
            sweep.failures.append({"case": family, "problems": [last_line(outcome.tail) or "told nothing"]})
            break
        skip = max(indices) + 1
    return sweep


def sweep_all(
    families: list[str], job: dict[str, Any], timeout: float, workers: int, under: tuple[str, ...] = ()
) -> dict[str, Sweep]:
    with ThreadPoolExecutor(max_workers=max(workers, 1)) as pool:
        pending = {family: pool.submit(sweep_family, family, job, timeout, under) for family in families}
        return {family: future.result() for family, future in pending.items()}


def slots_named(only: list[str]) -> set[str]:
    """The slots that names of families and slots stand for."""
    return {slot for name in only for slot in (slots_of(name) if name in FAMILIES else [name])}


def families_with_kernels(exported: set[str], only: list[str]) -> tuple[list[str], list[str], list[str]]:
    """The families to run, the slots that `only` names, and slots that have cases but no kernel."""
    slots = {family: slots_of(family) for family in FAMILIES}
    named = [name for name in only if any(name in group for group in slots.values())]
    wanted = [f for f in FAMILIES if not only or f in only or any(slot in named for slot in slots[f])]
    missing = [
        slot for f in wanted for slot in slots[f] if slot not in exported and (not named or slot in named)
    ]
    return [f for f in wanted if any(slot in exported for slot in slots[f])], named, missing
