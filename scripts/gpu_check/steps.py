"""Each phase as the parent sees it: what it starts, how long that may take, what is told of it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Callable

from .build import BuildError, ceilings_library, device_library, nvcc, output_of, record_programs, smi
from .main import Run
from .phases import run_phase
from .recording import RecordingError, kernels_in
from .sweep import Sweep, families_with_kernels, slots_named, sweep_all, sweep_family
from .workers import PER_SLOT

SANITIZER_SECONDS = 90.0
RECORD_SECONDS = 150.0  # to build and run the tests that record programs
QUICK_PROGRAMS = 60


def order(run: Run) -> list[tuple[str, Callable[[Run], None]]]:
    """What can be wrong comes first, then what is measured."""
    every: list[tuple[str, Callable[[Run], None]]] = [
        ("kernels", kernels),
        ("programs", programs),
        ("gradients", gradients),
        ("ceilings", ceilings),
        ("delay", delay),
        ("sanitizer", sanitizer),
        ("benchmarks", benchmarks),
        ("node", node),
    ]
    if run.asked.baselines or run.asked.dry_run or "baselines" in run.phases:
        every.append(("baselines", baselines))
    return every


def _tell(run: Run, sweeps: dict[str, Sweep]) -> str:
    for sweep in sweeps.values():
        state = "ok" if sweep.ok else "FAILED"
        counts = f"{sweep.passed:5} passed {len(sweep.failures):3} failed {sweep.seconds:6.1f} s"
        run.report.say(f"   {sweep.family:13} {counts}  {state}")
        first = {failure["case"].split()[0]: failure for failure in reversed(sweep.failures)}
        for failure in list(first.values())[::-1][:6]:
            run.report.say(f"      {failure['case']}: {'; '.join(failure['problems'])[:220]}")
    bad = [f"{sweep.family}" for sweep in sweeps.values() if not sweep.ok]
    return "ok" if not bad else f"FAILED in {', '.join(bad)}"


def kernels(run: Run) -> None:
    """Phase 2."""
    names, slots, missing = families_with_kernels(run.exported, run.only)
    sweeps = sweep_all(names, run.job(slots=slots), run.left() * 0.5, run.workers)
    status = _tell(run, sweeps)
    if missing:
        run.report.say(f"   no kernel: {', '.join(missing)}")
    run.digests = {family: sweep.digests for family, sweep in sweeps.items()}
    run.report.phase("kernels", {**{f: s.summary() for f, s in sweeps.items()}, "noKernel": missing}, status)
    if status != "ok":
        run.failed.append("kernels")


def _recording(run: Run) -> tuple[str, str]:
    """The file of recorded programs, or why there is none."""
    if run.asked.programs:
        return run.asked.programs, ""
    if "programs" not in run.phases:
        if run.only:
            return "", "--only names kernels"
        if run.asked.dry_run:
            return "", "give --programs, or --only programs, which builds hebb_tests: that takes minutes"
    run.report.say("   building hebb_tests, which records the programs")
    begin = time.monotonic()
    seconds = run.left() * 0.8 if run.phases else min(run.left() * 0.4, RECORD_SECONDS)
    try:
        file, told = record_programs(seconds)
    except BuildError as error:
        return "", f"no programs recorded: {error}"
    run.report.say(f"   {told}, in {time.monotonic() - begin:.0f} s")
    return file, ""


def programs(run: Run) -> None:
    """The fused programs of compiled steps, as recorded on a CPU."""
    file, why = _recording(run)
    if why:
        run.report.phase("programs", None, f"skipped: {why}")
        return
    try:
        count = kernels_in(file)
    except RecordingError as error:
        run.report.phase("programs", {"error": str(error)}, f"FAILED: {error}")
        run.failed.append("programs")
        return
    every = max(1, -(-count // QUICK_PROGRAMS)) if run.asked.quick else 1
    sweep = sweep_family(
        "programs", run.job(programs=file, every=every), run.left() * 0.5, phase="programs"
    )
    status = _tell(run, {"programs": sweep})
    run.report.phase("programs", {**sweep.summary(), "file": file, "kernels": -(-count // every)}, status)
    if status != "ok":
        run.failed.append("programs")


def gradients(run: Run) -> None:
    """Phase 3."""
    outcome = run_phase("gradients", run.job(), min(run.left() * 0.4, 120))
    results, bad = outcome.values("result"), []
    for result in results:
        if not result["ok"]:
            bad.append(result["case"])
            run.report.say(f"   {result['case']}: off by {result['worst']:.3g}; {result.get('problems', '')}")
    missing = outcome.values("missing")
    if outcome.status != "ok":
        bad.append(outcome.status)
        run.report.say(f"   {outcome.tail.strip()[-400:]}")
    run.report.say(f"   {len(results) - len(bad)} passed, {len(bad)} failed, {len(missing)} without a kernel")
    run.report.phase("gradients", {"results": results, "noKernel": missing}, "FAILED" if bad else "ok")
    if bad:
        run.failed.append("gradients")


def ceilings(run: Run) -> None:
    """Phase 1."""
    if run.asked.dry_run:
        try:
            note = "compiled" if nvcc() is None or ceilings_library("90a") else ""
            note = note if nvcc() else "not compiled: nvcc is not there"
        except BuildError as error:
            run.failed.append("ceilings")
            run.report.phase("ceilings", None, f"FAILED: ceilings.cu: {error}")
            return
        run.report.say(f"   ceilings.cu {note}")
    try:
        library = (
            ""
            if run.asked.dry_run
            else ceilings_library(smi("compute_cap").replace(".", "").replace("90", "90a"))
        )
    except BuildError as error:
        run.report.say(f"   ceilings.cu: {error}")
        library = ""
    outcome = run_phase("ceilings", run.job(ceilings=library), min(run.left() * 0.3, 60))
    figures = {name: value for line in outcome.values("figure") for name, value in line.items()}
    run.floors = {name: value for name, value in figures.items() if isinstance(value, float)}
    _notes(run, outcome)
    for name, value in figures.items():
        run.report.say(f"   {name:34} {value}")
    run.report.phase("ceilings", figures, outcome.status)


def _notes(run: Run, outcome) -> None:
    for note in outcome.values("note"):
        run.report.say(f"   {note}")
    if outcome.status == "failed":
        run.report.say(f"   {outcome.tail.strip()[-500:]}")
        if run.asked.dry_run:
            run.failed.append("a phase that only plans")


def delay(run: Run) -> None:
    """Phase 4: the bits of phase 2, with threads held up at random."""
    if run.asked.dry_run:
        run.report.phase(
            "delay", None, "skipped: the emulator has no delays; its orders of threads are in the C++ tests"
        )
        return
    carried = Path(run.library).with_name("libhebb_cuda_delay.so")
    try:
        library = str(carried) if carried.exists() else device_library(True, run.left() * 0.6)
    except BuildError as error:
        run.report.phase("delay", {"error": str(error)}, "skipped: not built")
        return
    names, slots, _ = families_with_kernels(run.exported, run.only)
    sweeps = sweep_all(names, run.job(library=library, slots=slots), run.left() * 0.4, run.workers)
    status, apart = _tell(run, sweeps), []
    for family, sweep in sweeps.items():
        before = run.digests.get(family, {})
        apart += [case for case, digest in sweep.digests.items() if before.get(case, digest) != digest]
    for case in apart[:6]:
        run.report.say(f"   {case}: other bits than without delays")
    status = status if not apart else "FAILED: other bits"
    run.report.phase(
        "delay", {**{f: s.summary() for f, s in sweeps.items()}, "otherBits": apart[:40]}, status
    )
    if status != "ok":
        run.failed.append("delay")


def sanitizer(run: Run) -> None:
    """Phase 5: a few tiny cases of each slot, in memory without guard bytes."""
    program = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    if run.asked.dry_run or not os.path.exists(program):
        run.report.phase(
            "sanitizer", None, f"skipped: {'no device' if run.asked.dry_run else 'no compute-sanitizer'}"
        )
        return
    names, slots, _ = families_with_kernels(run.exported, run.only)
    job, value, status = run.job(sizes=["tiny"], exact=True, few=PER_SLOT, slots=slots), {}, "ok"
    for tool in ("memcheck", "racecheck"):
        under = (program, "--tool", tool, "--error-exitcode", "9", "--print-limit", "5")
        sweeps = sweep_all(names, job, min(SANITIZER_SECONDS, run.left() * 0.4), run.workers, under)
        cut = [s.family for s in sweeps.values() if not s.complete]
        bad = [s.family for s in sweeps.values() if s.failures and s.complete]
        if _tell(run, {f: s for f, s in sweeps.items() if f in bad}) != "ok":
            status = "FAILED"
        value[tool] = {f: s.summary() for f, s in sweeps.items()}
        note = f", cut: {', '.join(cut)}" if cut else ""
        run.report.say(f"   {tool}: {len(names) - len(cut)} families seen whole{note}")
    run.report.phase("sanitizer", value, status)
    if status != "ok":
        run.failed.append("sanitizer")


def benchmarks(run: Run) -> None:
    """Phase 6."""
    clock = smi("clocks.sm,clocks.mem,power.draw,temperature.gpu")
    outcome = run_phase(
        "benchmarks",
        run.job(floors=run.floors, only=sorted(slots_named(run.only))),
        min(run.left() * 0.8, 200),
    )
    rows = outcome.values("row")
    _notes(run, outcome)
    if rows:
        run.report.say(f"   {'case':38} {'hebb us':>10} {'% floor':>8} {'eager':>7} {'compile':>8}")
    for row in rows:
        ratios = [f"{row[k]:.2f}x" if row.get(k) else "-" for k in ("eager", "compile")]
        floor = f"{row['percent']:.0f}%" if row.get("percent") else "-"
        run.report.say(f"   {row['name']:38} {row['median']:10.2f} {floor:>8} {ratios[0]:>7} {ratios[1]:>8}")
    after = smi("clocks.sm,clocks.mem,power.draw,temperature.gpu")
    run.report.phase("benchmarks", {"rows": rows, "clocks": [clock, after]}, outcome.status)


def node(run: Run) -> None:
    """A training in Node, with the packed package."""
    if not run.asked.node or not run.asked.package:
        run.report.phase("node", None, "skipped: give --node and --package")
        return
    begin = time.monotonic()
    script = Path(__file__).with_name("train.cjs")
    command = [run.asked.node, str(script), run.asked.package]
    env = {"HEBB_DEVICE": "cuda", "HEBB_CUDA_LIBRARY": run.library}
    told = output_of(["env", *(f"{k}={v}" for k, v in env.items()), *command], min(run.left(), 120))
    run.report.say(f"   {told or 'it failed'}")
    value = {"told": told, "seconds": round(time.monotonic() - begin, 1)}
    run.report.phase("node", value, "ok" if told else "FAILED")
    if not told:
        run.failed.append("node")


def baselines(run: Run) -> None:
    """Phase 7."""
    value, states = {}, []
    for name in ("baselines", "baselines_jax"):
        share = 0.75 if name == "baselines" else 0.95
        seconds = run.left() * share
        outcome = run_phase(
            name, run.job(seconds=seconds - 10), seconds, env={"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        )
        rows = outcome.values("row")
        value[name] = rows
        states.append(outcome.status)
        _notes(run, outcome)
        run.report.say(f"   {name}: {len(rows)} measured in {outcome.seconds:.0f} s")
        for row in rows:
            run.report.say(f"   {row['name']:52} {row['median']:12.2f} us  {row.get('rate', '')}")
    run.report.phase("baselines", value, ", ".join(states))
