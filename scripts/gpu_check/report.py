"""What a run prints, in at most 12,000 characters, and result.json."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

LIMIT = 12_000


def finite(value: Any) -> Any:
    """JSON has no infinities: they become text."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


class Report:
    """Prints while there is room; keeps all of it in result.json and report.txt."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.begin = folder, time.monotonic()
        self.result: dict[str, Any] = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "phases": {},
        }
        self._printed, self._cut, self._lines = 0, 0, []

    def say(self, text: str) -> None:
        self._lines.append(text)
        # The last lines, which sum up, always have room.
        if self._printed + len(text) + 1 > LIMIT - 1500:
            self._cut += 1
            return
        self._printed += len(text) + 1
        print(text, flush=True)

    def phase(self, name: str, value: Any, status: str) -> None:
        elapsed = round(time.monotonic() - self.begin, 1)
        self.result["phases"][name] = {"status": status, "at": elapsed, "value": value}
        self.say(f"-- {name}: {status}, at {elapsed:.0f} s")
        self.write()

    def write(self) -> None:
        text = json.dumps(finite(self.result), indent=1, allow_nan=False)
        (self.folder / "result.json").write_text(text + "\n", encoding="utf-8")
        (self.folder / "report.txt").write_text("\n".join(self._lines) + "\n", encoding="utf-8")

    def close(self, lines: list[str]) -> None:
        if self._cut > 0:
            lines = [f"({self._cut} lines more in {self.folder / 'report.txt'})", *lines]
        self._lines += lines
        self.write()
        print("\n".join(lines)[:1400], flush=True)
