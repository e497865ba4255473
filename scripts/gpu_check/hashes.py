"""What a CUDA kernel family or the text of programs is made from, as one hash: as in scripts/gpu-status.mjs."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^#include "(kernels/[^"]+)"', re.MULTILINE)


PROGRAMS = "programs"  # beside the families: what compiled steps fuse
PROGRAM_FOLDERS = ("stream/ptx", "kernels/ptx")


def sources_of(root: Path, sources: list[str]) -> list[str]:
    """Files of csrc and the kernel headers that they include, in turn; sorted paths from csrc."""
    found, waiting = set(), list(sources)
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
    """Each csrc/kernels/cuda/<family>.cu and its hash, and that of programs."""
    csrc = root / "csrc"
    groups = {f.stem: [f"kernels/cuda/{f.name}"] for f in sorted((csrc / "kernels" / "cuda").glob("*.cu"))}
    texts = [f"{folder}/{f.name}" for folder in PROGRAM_FOLDERS for f in (csrc / folder).glob("*")]
    if texts:
        groups[PROGRAMS] = texts
    return {name: hash_of(root, sources_of(root, sources)) for name, sources in groups.items()}
