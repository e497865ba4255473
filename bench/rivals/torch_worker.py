"""Runs the steps of one workload in PyTorch: `torch_worker.py JSON`, then commands as protocol.py says."""

import torch

from protocol import Worker, main, read_tensors
from torch_steps import Parts, steps


def build(task):
    torch.set_num_threads(task["threads"])
    if task["settings"].get("flushDenormal", False):
        torch.set_flush_denormal(True)
    torch.manual_seed(1)
    step = steps[task["name"]](Parts(read_tensors(task["file"]), task))

    def run(count):
        for _ in range(count):
            losses = step()
        return [loss.item() for loss in losses]

    return Worker(run, {"torch": torch.__version__})


main(build)
