"""Builds the library for devices, or for the emulator, with cmake; tells of the machine."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

from .hashes import ROOT

FOLDER = ROOT / "out" / "gpu-check"


class BuildError(Exception):
    """A build that failed, with the last lines of its output."""


def output_of(command: list[str], timeout: float = 20) -> str:
    """What a command prints; empty where it is missing or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def smi(query: str) -> str:
    lines = output_of(["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]).splitlines()
    return lines[0] if lines else ""


def nvcc() -> str | None:
    return shutil.which("nvcc") or next((p for p in ("/usr/local/cuda/bin/nvcc",) if os.path.exists(p)), None)


def architecture() -> str:
    """Of the machine's GPU as nvcc calls it: 90a, 80; empty without one."""
    digits = smi("compute_cap").replace(".", "")
    return digits + "a" if digits == "90" else digits


def _run(command: list[str], seconds: float) -> str:
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} took more than {seconds:.0f} s") from error
    except OSError as error:
        raise BuildError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise BuildError("\n".join(done.stdout.splitlines()[-15:]))
    return done.stdout


def _build(name: str, target: str, options: list[str], jobs: int, seconds: float) -> str:
    folder, begin = FOLDER / name, time.monotonic()
    generator = ["-G", "Ninja"] if shutil.which("ninja") and not (folder / "Makefile").exists() else []
    compiler = [f"-DCMAKE_CUDA_COMPILER={nvcc()}"] if target == "hebb_cuda" and nvcc() else []
    _run(["cmake", "-S", str(ROOT), "-B", str(folder), *generator, *compiler, *options], seconds)
    left = seconds - (time.monotonic() - begin)
    _run(["cmake", "--build", str(folder), "--target", target, "--parallel", str(jobs)], max(left, 1))
    found = sorted([*folder.rglob(f"lib{target}.so"), *folder.glob(target)])
    if not found:
        raise BuildError(f"{target} was not built in {folder}")
    return str(found[0])


def device_library(delay: bool = False, seconds: float = 240) -> str:
    """For this machine's architecture alone."""
    arch = architecture()
    if not arch:
        raise BuildError("nvidia-smi tells of no GPU")
    options = [
        "-DHEBB_CUDA=ON",
        f"-DHEBB_CUDA_ARCHITECTURES={arch}-real",
        f"-DHEBB_DELAY={'ON' if delay else 'OFF'}",
    ]
    return _build("delay" if delay else "cuda", "hebb_cuda", options, os.cpu_count() or 1, seconds)


def emulator_library(jobs: int = 2, seconds: float = 900) -> str:
    return _build("emulator", "hebb_cuda_emulator", ["-DHEBB_CUDA_EMULATOR=ON"], jobs, seconds)


def record_programs(seconds: float) -> tuple[str, str]:
    """A file of the fused programs that the C++ tests run, recorded here, and what was recorded."""
    begin = time.monotonic()
    options = ["-DHEBB_TESTS=ON", "-DCMAKE_BUILD_TYPE=Release"]
    tests = _build("tests", "hebb_tests", options, os.cpu_count() or 1, seconds)
    file = FOLDER / "programs.rec"
    left = seconds - (time.monotonic() - begin)
    told = _run([tests, "--record", str(file)], max(left, 1))
    return str(file), told.splitlines()[-1]


def ceilings_library(arch: str, seconds: float = 120) -> str:
    """The kernels of ceilings.cu as a library."""
    compiler = nvcc()
    if compiler is None:
        raise BuildError("nvcc is not there")
    FOLDER.mkdir(parents=True, exist_ok=True)
    out = FOLDER / f"libceilings-{arch}.so"
    source = Path(__file__).with_name("ceilings.cu")
    flags = [
        "-std=c++17",
        "-O3",
        "-shared",
        "-Xcompiler=-fPIC,-Wall",
        "-Werror=all-warnings",
        f"-arch=sm_{arch}",
    ]
    _run([compiler, *flags, "-o", str(out), str(source)], seconds)
    return str(out)


def versions(names: tuple[str, ...] = ("numpy", "torch", "jax", "triton")) -> dict[str, str]:
    from importlib import metadata

    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def environment() -> dict[str, str]:
    """What a result depends on besides the sources."""
    fields = "name,driver_version,compute_cap,memory.total,clocks.max.sm,clocks.sm,clocks.mem,power.limit"
    lines = output_of([nvcc() or "nvcc", "--version"]).splitlines()
    commit = output_of(["git", "-C", str(ROOT), "rev-parse", "HEAD"])
    return {
        "gpu": smi("name"),
        "smi": smi(fields),
        "nvcc": lines[-1] if lines else "",
        "cores": str(os.cpu_count()),
        "python": platform.python_version(),
        "commit": commit,
        **versions(),
    }
