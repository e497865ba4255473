"""Pooling over images [batch, height, width, channels]: csrc/kernels/pool.h."""

from __future__ import annotations

from typing import Iterator, NamedTuple, Sequence

import numpy as np

from ..case import Call, Case, In, Out, draw, size_of
from ..elements import FLOATS


class Window(NamedTuple):
    """Of one layer: pairs are vertical, horizontal."""

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)

    def out(self, extent: int, axis: int) -> int:
        reach = self.dilation[axis] * (self.size[axis] - 1) + 1
        return (extent + self.before[axis] + self.after[axis] - reach) // self.stride[axis] + 1

    def rows(self, extent: int, axis: int) -> np.ndarray:
        """[out, size]: the element that each window has at each of its places; outside where padded."""
        starts = np.arange(self.out(extent, axis)) * self.stride[axis] - self.before[axis]
        return starts[:, None] + np.arange(self.size[axis]) * self.dilation[axis]

    def params(self) -> dict:
        return {name: list(value) for name, value in self._asdict().items()}


def patches(x: np.ndarray, window: Window, fill: float) -> np.ndarray:
    """[batch, height, width, taps, channels] of the windows."""
    rows, columns = window.rows(x.shape[1], 0), window.rows(x.shape[2], 1)
    inside = ((rows >= 0) & (rows < x.shape[1]))[:, None, :, None] & (
        (columns >= 0) & (columns < x.shape[2])
    )[None, :, None, :]
    r, c = np.clip(rows, 0, x.shape[1] - 1), np.clip(columns, 0, x.shape[2] - 1)
    taken = x[:, r[:, None, :, None], c[None, :, None, :], :]
    taken = np.where(inside[None, ..., None], taken, fill)
    n, h, w, kh, kw, ch = taken.shape
    return taken.reshape(n, h, w, kh * kw, ch)


def scatter(dp: np.ndarray, shape: Sequence[int], window: Window) -> np.ndarray:
    """The transpose of `patches`: what falls on each element."""
    n, h, w, _, ch = dp.shape
    dx = np.zeros(tuple(shape))
    rows, columns = window.rows(shape[1], 0), window.rows(shape[2], 1)
    parts = dp.reshape(n, h, w, *window.size, ch)
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            r, c = rows[:, i], columns[:, j]
            fits = np.ix_((r >= 0) & (r < shape[1]), (c >= 0) & (c < shape[2]))
            place = np.ix_(r[(r >= 0) & (r < shape[1])], c[(c >= 0) & (c < shape[2])])
            np.add.at(dx, (slice(None), *place), parts[:, :, :, i, j][:, fits[0], fits[1]])
    return dx


LAYERS = [
    ((1, 1, 1, 1), Window((1, 1))),
    ((2, 7, 9, 3), Window((3, 2), (2, 1), (1, 1), (1, 0), (1, 1))),
    ((2, 12, 11, 33), Window((2, 3), (1, 2), (2, 3), (1, 2), (0, 1))),
    ((3, 28, 28, 16), Window((2, 2), (2, 2))),
    ((1, 20, 40, 5), Window((17, 17), (3, 5), (1, 1), (8, 8), (8, 8))),
    ((4, 32, 33, 64), Window((3, 3), (2, 2), (1, 1), (1, 1), (1, 1))),
]


def divisors(shape: Sequence[int], window: Window, count_pads: bool) -> np.ndarray:
    """What each window's sum is divided by: [1, height, width, 1]."""
    ones = patches(np.ones((1, *shape[1:3], 1)), window, 0).sum(axis=3)
    return np.full_like(ones, window.size[0] * window.size[1]) if count_pads else ones


def _max(slot: str, dtype: str, shape: Sequence[int], window: Window, rng: np.random.Generator) -> Call:
    x = np.round(draw(rng, shape, dtype, -4, 4))
    parts = patches(x, window, -np.inf)
    taps = parts.argmax(axis=3)
    index = "u8" if window.size[0] * window.size[1] <= 256 else "i32"
    y = np.take_along_axis(parts, taps[:, :, :, None], axis=3)[:, :, :, 0]
    params = {**window.params(), "count_pads": False}
    if slot == "max_pool2d":
        return Call([Out(y, dtype, tolerance=0.0), Out(taps, index), In(x, dtype)], params)
    if slot == "max_pool2d_pick":
        z = draw(rng, shape, dtype)
        picked = np.take_along_axis(patches(z, window, 0), taps[:, :, :, None], axis=3)[:, :, :, 0]
        return Call([Out(picked, dtype, tolerance=0.0), In(z, dtype), In(taps, index)], params)
    dy = draw(rng, y.shape, dtype)
    spread = np.zeros(parts.shape)
    np.put_along_axis(spread, taps[:, :, :, None], dy[:, :, :, None], axis=3)
    return Call([Out(scatter(spread, shape, window), dtype), In(dy, dtype), In(taps, index)], params)


def _mean(
    slot: str, dtype: str, shape: Sequence[int], window: Window, pads: bool, rng: np.random.Generator
) -> Call:
    params, by = {**window.params(), "count_pads": pads}, divisors(shape, window, pads)
    if slot == "avg_pool2d":
        x = draw(rng, shape, dtype)
        return Call([Out(patches(x, window, 0).sum(axis=3) / by, dtype), In(x, dtype)], params)
    dy = draw(rng, (shape[0], window.out(shape[1], 0), window.out(shape[2], 1), shape[3]), dtype)
    taps = window.size[0] * window.size[1]
    spread = np.repeat((dy / by)[:, :, :, None], taps, axis=3)
    return Call([Out(scatter(spread, shape, window), dtype), In(dy, dtype)], params)


def cases() -> Iterator[Case]:
    for i, (shape, window) in enumerate(LAYERS):
        tag, size = f"layer {i} {'x'.join(map(str, shape))}", size_of(shape)
        for dtype in FLOATS:
            for slot in ("max_pool2d", "max_pool2d_grad", "max_pool2d_pick"):
                yield Case(
                    slot, f"{dtype} {tag}", size, lambda rng, a=(slot, dtype, shape, window): _max(*a, rng)
                )
            for slot in ("avg_pool2d", "avg_pool2d_grad"):
                for pads in (False, True):
                    label = f"{dtype} {tag}{' pads' if pads else ''}"
                    yield Case(
                        slot, label, size, lambda rng, a=(slot, dtype, shape, window, pads): _mean(*a, rng)
                    )
