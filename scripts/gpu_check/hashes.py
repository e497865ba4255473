"""What a CUDA kernel family was built from, as one hash: the same as scripts/gpu-status.mjs."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^#include "(kernels/[^"]+)"', re.MULTILINE)


def sources_of(root: Path, source: str) -> list[str]:
    """A file of csrc and the kernel headers that it includes, in turn; sorted paths from csrc."""
    found, waiting = set(), [source]
    while waiting:
        name = waiting.pop()
        if name in found or not (root / "csrc" / name).is_file():
            continue
        found.add(name)
        waiting += INCLUDE.findall((root / "csrc" / name).read_text(encoding="utf-8"))
    return sorted(found)


def hash_of(root: Path, names: list[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode() + (root / "csrc" / name).read_bytes() + b"\0")
    return digest.hexdigest()


def families(root: Path = ROOT) -> dict[str, str]:
    """Each csrc/kernels/cuda/<family>.cu and its hash."""
    files = sorted((root / "csrc" / "kernels" / "cuda").glob("*.cu"))
    return {f.stem: hash_of(root, sources_of(root, f"kernels/cuda/{f.name}")) for f in files}
