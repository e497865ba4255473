"""Runs the steps of one workload in JAX: `jax_worker.py JSON`, then commands as protocol.py says."""

import jax
import jaxlib

from jax_steps import Parts, workloads
from protocol import Worker, main, read_tensors


def build(task):
    parts = Parts(read_tensors(task["file"]), task)
    state, step = workloads[task["name"]](parts)
    compiled = jax.jit(step, donate_argnums=0)

    def run(count):
        nonlocal state
        for _ in range(count):
            state, losses = compiled(state, parts.inputs)
        return [float(loss) for loss in losses]

    return Worker(run, {"jax": jax.__version__, "jaxlib": jaxlib.__version__})


main(build)
