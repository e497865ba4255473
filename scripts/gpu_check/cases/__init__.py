"""The cases of every family of slots, by the headers in csrc/kernels."""

from __future__ import annotations

import importlib
from typing import Iterator

from ..case import Case

# Module, and the prefixes of the .cu files in csrc/kernels/cuda whose slots it checks.
FAMILIES: dict[str, tuple[str, ...]] = {
    "elementwise": ("elementwise",),
    "copies": ("copy", "arange"),
    "reductions": ("reduce", "extreme", "cumsum"),
    "softmaxes": ("softmax", "cross_entropy"),
    "products": ("gemm",),
    "draws": ("random",),
    "optimizers": ("optimizer",),
    "indexing": ("index",),
    "norms": ("norm", "layer_norm", "batch_norm"),
    "windows": ("pool",),
    "convolutions": ("conv",),
    "recurrences": ("recurrent",),
    "attentions": ("attention",),
}
# Slots that are not for devices, or that a program compiled at run time stands for.
UNCHECKED = {
    "fused": "the phase of programs has what it compiles",
    "pack_panels": "packing is for CPUs",
    "pack_tiles": "packing is for CPUs",
    "rnn_sequence_grad": "the phase of gradients has it",
    "lstm_sequence_grad": "the phase of gradients has it",
    "gru_sequence_grad": "the phase of gradients has it",
}


def family_of(source: str) -> str | None:
    """The cases that verify a .cu file, by its name without the suffix."""
    return next((f for f, prefixes in FAMILIES.items() if source.startswith(prefixes)), None)


def cases_of(family: str) -> Iterator[Case]:
    yield from importlib.import_module(f".{family}", __name__).cases()


def slots_of(family: str) -> list[str]:
    return list(dict.fromkeys(case.slot for case in cases_of(family)))
