"""Runs the steps of one workload or operation in PyTorch: `torch_worker.py JSON`, then commands as protocol.py says."""

import torch

from protocol import Worker, main, read_tensors
from torch_ops import operation
from torch_steps import Parts, steps


def build(task):
    torch.set_num_threads(task["threads"])
    if task["settings"].get("flushDenormal", False):
        torch.set_flush_denormal(True)
    torch.manual_seed(1)
    parts = Parts(read_tensors(task["file"]), task)
    outcome = None
    if "operation" in task:
        step, outcome = operation(parts, task["operation"])
    else:
        step = steps[task["name"]](parts)

    def run(count):
        for _ in range(count):
            losses = step()
        return [loss.item() for loss in losses]

    return Worker(run, {"torch": torch.__version__}, outcome)


main(build)
