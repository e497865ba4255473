"""The eight dtypes of hebb in numpy: how elements are stored, and what they are worth."""

from __future__ import annotations

import numpy as np

FLOATS = ("f32", "f64", "f16", "bf16")
INTEGERS = ("i32", "i64", "u8", "bool")
STORED = {
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "f16": np.dtype(np.float16),
    "bf16": np.dtype(np.uint16),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "u8": np.dtype(np.uint8),
    "bool": np.dtype(np.uint8),
}
# Of the norm of the difference, in parts of the norm of the reference.
TOLERANCE = {"f32": 1e-5, "f64": 1e-12, "f16": 2e-3, "bf16": 1e-2}


def compute_type(dtype: str) -> str:
    return {"f16": "f32", "bf16": "f32", "u8": "i32", "bool": "i32"}.get(dtype, dtype)


def _to_bf16(values: np.ndarray) -> np.ndarray:
    """Rounded once, to nearest even: through f32 rounded to odd."""
    wide = np.asarray(values, np.float64)
    with np.errstate(over="ignore"):
        narrow = wide.astype(np.float32)
    bits = narrow.view(np.uint32).copy()
    inexact = np.isfinite(narrow) & (narrow.astype(np.float64) != wide)
    beyond = inexact & (np.abs(narrow.astype(np.float64)) > np.abs(wide))
    bits[beyond] -= 1
    bits[inexact] |= 1
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    rounded[np.isnan(wide)] = 0x7FC0
    return rounded.astype(np.uint16)


def encode(values: np.ndarray, dtype: str) -> np.ndarray:
    """As hebb stores them."""
    values = np.asarray(values)
    if dtype == "bf16":
        return _to_bf16(np.atleast_1d(values)).reshape(values.shape)
    if dtype == "bool":
        return (values != 0).astype(np.uint8)
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(STORED[dtype])


def decode(stored: np.ndarray, dtype: str) -> np.ndarray:
    """What they are worth: float64, or int64."""
    if dtype == "bf16":
        return (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    return stored.astype(np.float64 if dtype in FLOATS else np.int64)


def rounded(values: np.ndarray, dtype: str) -> np.ndarray:
    return decode(encode(values, dtype), dtype)


def deviation(found: np.ndarray, wanted: np.ndarray, scale: float = 0.0) -> float:
    """norm(found - wanted) / norm(wanted), elements counting `scale` at least on average; infinite where one
    is not finite and the other is not the same."""
    found, wanted = np.asarray(found, np.float64).ravel(), np.asarray(wanted, np.float64).ravel()
    if found.size == 0:
        return 0.0
    finite = np.isfinite(wanted)
    same = np.isnan(wanted) & np.isnan(found) | (wanted == found)
    if not np.all(finite | same) or not np.all(np.isfinite(found[finite])):
        return float("inf")
    norm = max(float(np.linalg.norm(wanted[finite])), scale * float(np.sqrt(wanted.size)))
    return float(np.linalg.norm(found[finite] - wanted[finite])) / (norm if norm > 0 else 1.0)
