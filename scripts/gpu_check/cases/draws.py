"""Random numbers: csrc/kernels/random.h. Philox and what is made of its words, written again in numpy."""

from __future__ import annotations

from typing import Iterator

import numpy as np

from ..case import Call, Case, In, Out, draw, size_of
from ..elements import FLOATS, TOLERANCE, compute_type, rounded

MASK = np.uint64(0xFFFFFFFF)
SIZES = [1, 3, 5, 33, 1025, 70003]


def philox(seed: int, first: int, blocks: int) -> np.ndarray:
    """Words [4 blocks] of the blocks from `first` on: Philox4x32-10."""
    counter = (np.arange(blocks, dtype=np.uint64) + np.uint64(first % 2**64)).astype(np.uint64)
    c = [counter & MASK, counter >> np.uint64(32), np.zeros(blocks, np.uint64), np.zeros(blocks, np.uint64)]
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        high0, high1 = p0 >> np.uint64(32), p1 >> np.uint64(32)
        c = [high1 ^ c[1] ^ np.uint64(k0), p1 & MASK, high0 ^ c[3] ^ np.uint64(k1), p0 & MASK]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack(c, axis=1).ravel()


def _seed(rng: np.random.Generator) -> np.ndarray:
    return np.array([rng.integers(0, 2**62), rng.integers(0, 2**40)], np.int64)


def _words(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The seed operand, words of the stream, and the counter."""
    seed, counter = _seed(rng), int(rng.integers(0, 2**33))
    return seed, philox(int(seed[0]), int(seed[1]) + counter, (count + 3) // 4), counter


def _doubles(words: np.ndarray) -> np.ndarray:
    return ((words[0::2] << np.uint64(21)) | (words[1::2] >> np.uint64(11))).astype(np.float64) * 2.0**-53


def _uniform(dtype: str, count: int, rng: np.random.Generator) -> Call:
    low, high = -1.5, 2.25
    seed, words, counter = _words(rng, 2 * count)
    shift = {"f32": 8, "f16": 21, "bf16": 24}.get(dtype)
    units = (
        _doubles(words)
        if shift is None
        else (words >> np.uint64(shift)).astype(np.float64) * 2.0 ** (shift - 32)
    )
    expect = low + units[:count] * (high - low)
    tolerance = 1e-15 if dtype == "f64" else 2e-7 if dtype == "f32" else TOLERANCE[dtype]
    params = {"counter": counter, "low": low, "high": high}
    # Numbers near 0 are what is left of two that cancel, here and in `_normal`.
    return Call([Out(expect, dtype, tolerance=tolerance, scale=-low), In(seed, "i64")], params)


def _normal(dtype: str, count: int, rng: np.random.Generator) -> Call:
    """Box and Muller on the words of a pair: the radius from the first, the angle from the second."""
    pairs = (count + 1) // 2
    if dtype == "f64":
        seed, words, counter = _words(rng, 4 * pairs)
        units = _doubles(words)
        first, second = units[0::2][:pairs] + 2.0**-53, units[1::2][:pairs]
    else:
        seed, words, counter = _words(rng, 2 * pairs)
        first = (words[0::2] >> np.uint64(1)).astype(np.float64) * 2.0**-31 + 2.0**-32
        second = (words[1::2] >> np.uint64(8)).astype(np.float64) * 2.0**-24
        first, second = first.astype(np.float32).astype(np.float64)[:pairs], second[:pairs]
    radius, angle = np.sqrt(-2 * np.log(first)), 2 * np.pi * second
    z = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:count]
    mean, std = 0.5, 1.5
    params = {"counter": counter, "mean": mean, "std": std}
    return Call([Out(mean + std * z, dtype, scale=mean), In(seed, "i64")], params)


def _bernoulli(dtype: str, count: int, rng: np.random.Generator) -> Call:
    seed, words, counter = _words(rng, count)
    kept = (words >> np.uint64(8))[:count] < np.ceil(0.3 * 2**24)
    expect = kept.astype(np.float64 if dtype in FLOATS else np.int64)
    return Call([Out(expect, dtype, tolerance=0.0), In(seed, "i64")], {"counter": counter, "p": 0.3})


def _randint(low: int, high: int, count: int, rng: np.random.Generator) -> Call:
    seed, words, counter = _words(rng, 2 * count)
    span = high - low
    expect = [
        low + ((int(a) << 32 | int(b)) * span >> 64) for a, b in zip(words[0::2][:count], words[1::2][:count])
    ]
    params = {"counter": counter, "low": low, "high": high}
    return Call([Out(np.array(expect, np.int64), "i32"), In(seed, "i64")], params)


def _dropout(dtype: str, count: int, rng: np.random.Generator) -> Call:
    seed, words, counter = _words(rng, count)
    p, x = 0.25, draw(rng, (count,), dtype)
    scale = rounded(np.array([1 / (1 - p)]), compute_type(dtype))[0]
    kept = (words >> np.uint64(8))[:count] < np.ceil((1 - p) * 2**24)
    expect = np.where(kept, rounded(rounded(x * scale, compute_type(dtype)), dtype), 0.0)
    operands = [Out(expect, dtype, tolerance=0.0), In(x, dtype), In(seed, "i64")]
    return Call(operands, {"counter": counter, "p": p})


def cases() -> Iterator[Case]:
    for count in SIZES:
        size = size_of((count,))
        for dtype in FLOATS:
            for slot, make in (("uniform", _uniform), ("normal", _normal), ("dropout", _dropout)):
                yield Case(slot, f"{dtype} {count}", size, lambda rng, m=make, a=(dtype, count): m(*a, rng))
        for dtype in (*FLOATS, "i32", "i64", "u8", "bool"):
            yield Case(
                "bernoulli", f"{dtype} {count}", size, lambda rng, a=(dtype, count): _bernoulli(*a, rng)
            )
        for low, high in ((0, 10), (-(2**31), 2**31), (5, 6)):
            label = f"{low}..{high} {count}"
            yield Case("randint", label, size, lambda rng, a=(low, high, count): _randint(*a, rng))
