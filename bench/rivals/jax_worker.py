"""Runs the steps of one workload or operation in JAX: `jax_worker.py JSON`, then commands as protocol.py says."""

import jax
import jaxlib
import numpy

from jax_ops import operation
from jax_steps import Parts, workloads
from protocol import Worker, main, read_tensors


def build(task):
    parts = Parts(read_tensors(task["file"]), task)
    outcome_of = None
    if "operation" in task:
        state, step, outcome_of = operation(parts, task["operation"])
    else:
        state, step = workloads[task["name"]](parts)
    compiled = jax.jit(step, donate_argnums=0)

    def run(count):
        nonlocal state
        for _ in range(count):
            state, losses = compiled(state, parts.inputs)
        return [float(loss) for loss in losses]

    def outcome():
        # A state is donated to its step.
        before = jax.tree.map(numpy.array, state["params"])
        run(task["operation"].get("outcomeSteps", 1))
        return outcome_of(before, state)

    return Worker(run, {"jax": jax.__version__, "jaxlib": jaxlib.__version__}, outcome)


main(build)
