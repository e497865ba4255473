"""What the workers share: the file of weights and inputs, and the commands they are given, a line of JSON each."""

import json
import math
import os
import re
import resource
import statistics
import sys
import time

import numpy

# As in bench/training/runner.mjs: a chunk of steps ends with reading the loss.
CHUNK_SECONDS = 0.01
WARM_UP_STEPS = 4
FAULT_STEPS = 10

DTYPES = {"F32": numpy.float32, "I32": numpy.int32, "I64": numpy.int64}


def read_tensors(path):
    """The arrays of a safetensors file by name."""
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + int.from_bytes(content[:8], "little")
    arrays = {}
    for name, entry in json.loads(content[8:start]).items():
        begin, end = entry["data_offsets"]
        part = numpy.frombuffer(content[start + begin : start + end], DTYPES[entry["dtype"]])
        arrays[name] = part.reshape(entry["shape"])
    return arrays


def numbered(arrays, prefix):
    """Those named `prefix.0`, `prefix.1`, and so on, in this order."""
    count = sum(1 for name in arrays if re.fullmatch(rf"{prefix}\.\d+", name))
    return [arrays[f"{prefix}.{i}"] for i in range(count)]


def states(arrays, model):
    """What model number `model` holds, by the paths of its states in Python's spelling."""
    prefix = f"models.{model}."
    snake = lambda name: re.sub(r"([a-z])([A-Z])", lambda at: f"{at[1]}_{at[2].lower()}", name)
    return {snake(name[len(prefix) :]): array for name, array in arrays.items() if name.startswith(prefix)}


def cpu_ms():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return 1000 * (usage.ru_utime + usage.ru_stime)


def peak_rss_mb():
    """The most memory that this program has had. What getrusage calls so is never below what its parent had."""
    with open("/proc/self/status") as status:
        return int(re.search(r"^VmHWM:\s+(\d+) kB$", status.read(), re.M)[1]) * 1024 / 1e6


class Worker:
    """Runs steps as it is told: `run(count)` runs some and gives the losses of the last as numbers; `outcome()`, of an
    operation, runs its first steps and gives what comes of them by name, as arrays."""

    def __init__(self, run, versions, outcome=None):
        self.run = run
        self.outcome = outcome
        self.versions = versions
        self.chunk = 1
        self.replied_ms = cpu_ms()
        self.first_step_ms = float("nan")

    def timed(self, count):
        begin = time.perf_counter()
        self.run(count)
        return (time.perf_counter() - begin) / count

    def warm_up(self, seconds):
        begin = time.perf_counter()
        for i in range(WARM_UP_STEPS):
            self.run(1)
            if i == 0:
                self.first_step_ms = 1000 * (time.perf_counter() - begin)
        # From here on: what was compiled before is no part of the time.
        begin = time.perf_counter()
        while True:
            self.chunk = max(1, round(CHUNK_SECONDS / self.timed(self.chunk)))
            if time.perf_counter() - begin >= seconds:
                self.replied_ms = cpu_ms()
                return {"firstStepMs": self.first_step_ms, "versions": self.versions}

    def window(self, seconds, least=1):
        """Steps for `seconds`, at least one chunk: how many, the median time of one, and the processors' time."""
        idle_ms = cpu_ms() - self.replied_ms
        begin = time.perf_counter()
        samples = []
        while (
            not samples
            or time.perf_counter() - begin < seconds
            or len(samples) * self.chunk < least
        ):
            samples.append(self.timed(self.chunk))
        cpu = cpu_ms()
        taken, self.replied_ms = cpu - self.replied_ms, cpu
        median = 1000 * statistics.median(samples)
        return {"ms": median, "steps": len(samples) * self.chunk, "cpuMs": taken, "idleCpuMs": idle_ms}

    def figures(self, seconds):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        steps = self.window(seconds, FAULT_STEPS)["steps"]
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
        return {
            "peakRssMb": peak_rss_mb(),
            "pageFaultsPerStep": faults / steps,
            "firstStepMs": self.first_step_ms,
        }

    def losses(self, steps):
        finite = lambda loss: loss if math.isfinite(loss) else None  # JSON has no other numbers.
        losses = [[finite(loss) for loss in self.run(1)] for _ in range(steps)]
        return {"losses": losses, "versions": self.versions}

    def sums(self):
        """Of absolute values, in f64: what is compared is not how a library sums."""
        sums = {
            name: float(numpy.abs(numpy.asarray(array, numpy.float64)).sum())
            for name, array in self.outcome().items()
        }
        finite = {name: value if math.isfinite(value) else None for name, value in sums.items()}
        return {"sums": finite, "versions": self.versions}

    def serve(self, commands, replies):
        """Answers each command `{"do": name, ...}` until the input ends; meanwhile the process sleeps in a read."""
        actions = {
            "warmUp": self.warm_up,
            "window": self.window,
            "figures": self.figures,
            "losses": self.losses,
            "sums": self.sums,
        }
        for line in commands:
            command = json.loads(line)
            reply = actions[command.pop("do")](**command)
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


def main(build):
    """Serves what `build(task)` makes, a Worker; whatever a library prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    build(json.loads(sys.argv[1])).serve(sys.stdin, replies)
