"""Runs cases: three times each, every byte of every operand looked at."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from .case import Call, Case, Const, In, Out, Update
from .device import Device
from .elements import FLOATS, TOLERANCE, decode, deviation
from .memory import Placed, Placement

# Of outputs before each run: what is not written differs between runs.
POISONS = (0xFF, 0x5A, 0xFF)


def judge(placed: Placed, stored: np.ndarray) -> tuple[str, float]:
    """What is wrong with an output, or '', and how far it is from what is expected."""
    operand = placed.operand
    if operand.expect is None:
        return "", 0.0
    found = decode(stored, operand.dtype)
    if operand.dtype in FLOATS:
        apart = deviation(found, operand.expect, operand.scale)
        limit = TOLERANCE[operand.dtype] if operand.tolerance is None else operand.tolerance
        if apart <= limit:
            return "", apart
        bad = np.abs(found - operand.expect)
        where = np.unravel_index(int(np.argmax(np.where(np.isnan(bad), np.inf, bad))), found.shape)
    else:
        wrong = found != operand.expect
        if not wrong.any():
            return "", 0.0
        apart, limit = float(wrong.mean()), 0.0
        where = np.unravel_index(int(np.argmax(wrong)), found.shape)
    place = [int(i) for i in where]
    return f"off by {apart:.3g} > {limit:g}; {found[where]} != {operand.expect[where]} at {place}", apart


def _run_once(
    device: Device, slot: str, call: Call, poison: int, exact: bool
) -> tuple[list[str], float, bytes]:
    problems, worst, outputs = [], 0.0, []
    with Placement(device, call.operands, poison, exact) as placement:
        fault = device.run(slot, placement.views(), call.params)
        if fault != call.fault:
            problems.append(f"reports {fault}, not {call.fault}")
        for i, placed in enumerate(placement.all):
            if isinstance(placed.operand, Const):
                continue
            if isinstance(placed.operand, In):
                if not placed.untouched():
                    problems.append(f"operand {i}, an input, was written")
                continue
            stored, clean = placed.read()
            if not clean:
                problems.append(f"operand {i}: bytes beside it were written")
            if call.fault is None:
                text, apart = judge(placed, stored)
                worst = max(worst, apart)
                if text:
                    problems.append(f"operand {i} {placed.shape} {placed.operand.dtype} {text}")
                outputs.append(stored.tobytes())
    return problems, worst, b"".join(outputs)


def _run_guard(device: Device, case: Case, call: Call) -> list[str]:
    """The kernel that looks at the guarded operand alone, where there is one."""
    if not device.library.kernels[case.slot]["check"]:
        return []
    with Placement(device, call.operands) as placement:
        fault = device.run(case.slot, placement.views(), call.params, check=True)
    return [] if fault == call.fault else [f"check reports {fault}, not {call.fault}"]


class Runs:
    """What several runs of the same gave: their problems, how far off they were, and whether their bits agree."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._worst, self._count, self._first = 0.0, 0, b""

    def add(self, problems: list[str], apart: float, output: bytes, what: str = "") -> None:
        self.problems += [problem for problem in problems if problem not in self.problems]
        self._worst = max(self._worst, apart)
        self._count += 1
        if self._count == 1:
            self._first = output
        elif output != self._first:
            self.problems.append(f"run {self._count}{what} gives other bits than run 1")

    def result(self, name: str) -> dict[str, Any]:
        digest = hashlib.sha256(self._first).hexdigest()[:16]
        ok, shown = not self.problems, self.problems[:4]
        return {"case": name, "ok": ok, "problems": shown, "worst": self._worst, "digest": digest}


def run_case(device: Device, case: Case, seed: int, exact: bool = False) -> dict[str, Any]:
    """One case; `exact` memory has no guard bytes, so that a sanitizer sees where it ends."""
    call, runs = case.call(seed), Runs()
    for poison in POISONS[:1] if exact else POISONS:
        runs.add(*_run_once(device, case.slot, call, poison, exact))
    if not exact:
        runs.problems += _run_guard(device, case, call)
    return runs.result(case.name)


def dtype_of(call: Call) -> str:
    """That of the first output: what results are grouped by."""
    outputs = [o for o in call.operands if isinstance(o, (Out, Update))]
    return outputs[0].dtype if outputs else "none"
