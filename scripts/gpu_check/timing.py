"""Interleaved timing of calls that do the same: as graphs between events on a device, plainly on the host."""

from __future__ import annotations

import ctypes
import time
from typing import Any, Callable, Sequence

from .device import Device

Call = Callable[[], Any]
L2_TWICE = 180 << 20  # what rotated buffers must pass in all
WARM_SECONDS = 3.0


def sets_for(size: int, most: int = 64) -> int:
    """How many sets of buffers of `size` bytes outgrow the second cache."""
    return max(1, min(most, -(-L2_TWICE // max(size, 1))))


def spread(times: Sequence[float]) -> dict[str, float]:
    """Microseconds: median, and the tenth and ninetieth of a hundred."""
    ordered = sorted(times)
    places = {"p10": 0.1, "median": 0.5, "p90": 0.9}
    return {name: round(ordered[int(share * (len(ordered) - 1))], 3) for name, share in places.items()}


class Clock:
    """Times replays of graphs of hebb's calls and of PyTorch's, on one stream."""

    def __init__(self, device: Device, dry: bool) -> None:
        self.device, self.dry, self._warm = device, dry, False
        self._graphs: list[Any] = []
        if not dry:
            import torch

            self._torch = torch
            self._stream = torch.cuda.ExternalStream(device.queue)

    def own(self, calls: Sequence[Call]) -> Call:
        """hebb's calls: run once, which grows the scratch memory, then as a graph."""
        for call in calls:
            call()
        self.device.finish()
        if self.dry:
            return lambda: [call() for call in calls]
        api, graph = self.device.api, ctypes.c_void_p()
        self.device.library.check("begin_capture", api.begin_capture(self.device.queue))
        for call in calls:
            call()
        self.device.library.check("end_capture", api.end_capture(self.device.queue, ctypes.byref(graph)))
        handle = graph.value
        self._graphs.append(handle)
        return lambda: self.device.library.check("launch_graph", api.launch_graph(handle, self.device.queue))

    def rival(self, calls: Sequence[Call]) -> Call:
        """PyTorch's calls."""
        if self.dry:
            for call in calls:
                call()
            return lambda: [call() for call in calls]
        torch = self._torch
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                for call in calls:
                    call()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=side):
            for call in calls:
                call()
        torch.cuda.synchronize()
        return graph.replay

    def _once(self, replay: Call) -> float:
        """Microseconds."""
        if self.dry:
            begin = time.perf_counter()
            replay()
            return (time.perf_counter() - begin) * 1e6
        begin, end = (self._torch.cuda.Event(enable_timing=True) for _ in range(2))
        with self._torch.cuda.stream(self._stream):
            begin.record()
            replay()
            end.record()
        end.synchronize()
        return begin.elapsed_time(end) * 1e3

    def interleave(self, replays: dict[str, tuple[Call, int]], seconds: float) -> dict[str, dict[str, float]]:
        """A-B-A-B: each is a replay and how many calls it holds."""
        until = time.monotonic() + (0.0 if self.dry else 0.2 if self._warm else WARM_SECONDS)
        self._warm = True
        while True:
            for replay, _ in replays.values():
                self._once(replay)
            if time.monotonic() >= until:
                break
        times: dict[str, list[float]] = {name: [] for name in replays}
        until = time.monotonic() + seconds
        while len(next(iter(times.values()))) < (2 if self.dry else 100):
            for name, (replay, calls) in replays.items():
                times[name].append(self._once(replay) / calls)
            if time.monotonic() >= until and len(next(iter(times.values()))) >= 5:
                break
        return {name: spread(values) for name, values in times.items()}

    def close(self) -> None:
        for graph in self._graphs:
            self.device.api.destroy_graph(graph)
        self._graphs = []
