"""Runs a phase in a process of its own: what it tells in lines of JSON is kept, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ENTRY = Path(__file__).resolve().parents[1] / "gpu-check"


@dataclass
class Outcome:
    """How a process ended: ok, failed, timeout, or stalled."""

    status: str
    seconds: float
    lines: list[dict[str, Any]] = field(default_factory=list)
    tail: str = ""

    def values(self, key: str) -> list[Any]:
        return [line[key] for line in self.lines if key in line]


def _lines_in(path: str) -> list[dict[str, Any]]:
    lines = []
    with open(path, encoding="utf-8") as file:
        for text in file:
            try:
                lines.append(json.loads(text))
            except json.JSONDecodeError:
                continue  # the last line of a process that was ended
    return lines


def end(process: subprocess.Popen) -> None:
    """The process and those it started: it leads a group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _wait(process: subprocess.Popen, lines: str, timeout: float, stall: float) -> str:
    """Until it ends, its time is over, or it has told nothing for `stall` seconds."""
    until = time.monotonic() + max(timeout, 1)
    while True:
        try:
            return "ok" if process.wait(timeout=0.1) == 0 else "failed"
        except subprocess.TimeoutExpired:
            if time.monotonic() > until:
                return "timeout"
            if time.time() - os.path.getmtime(lines) > stall:
                return "stalled"


def run_phase(
    name: str,
    job: dict[str, Any],
    timeout: float,
    under: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
    stall: float = float("inf"),
) -> Outcome:
    """`under` is a program that runs it, with its options: a sanitizer."""
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        lines, log = os.path.join(folder, "lines"), os.path.join(folder, "log")
        Path(lines).touch()
        command = [
            *under,
            sys.executable,
            str(ENTRY),
            "--phase",
            name,
            "--job",
            json.dumps({**job, "lines": lines}),
        ]
        begin = time.monotonic()
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(env or {})},
            )
            try:
                status = _wait(process, lines, timeout, stall)
            finally:
                end(process)
        tail = Path(log).read_text(encoding="utf-8", errors="replace")[-3000:]
        return Outcome(status, time.monotonic() - begin, _lines_in(lines), tail)


class Teller:
    """The other end: what a phase tells its parent."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._file = open(job["lines"], "a", encoding="utf-8", buffering=1)

    def __call__(self, **line: Any) -> None:
        self._file.write(json.dumps(line) + "\n")
