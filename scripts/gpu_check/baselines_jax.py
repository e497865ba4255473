"""What JAX makes of the machine: products, a loss, and whole steps, compiled."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator

from .phases import Teller
from .timing import spread


def _product(jax: Any, n: int, dtype: str) -> Callable[[], Any]:
    a, b = (jax.random.normal(jax.random.key(i), (n, n), dtype) for i in range(2))
    function = jax.jit(lambda a, b: a @ b)
    return lambda: function(a, b)


def _cross_entropy(jax: Any, rows: int, classes: int) -> Callable[[], Any]:
    numpy = jax.numpy
    x = jax.random.normal(jax.random.key(0), (rows, classes), "bfloat16")
    ids = jax.random.randint(jax.random.key(1), (rows,), 0, classes)

    def loss(x: Any) -> Any:
        logs = jax.nn.log_softmax(x.astype("float32"))
        return -numpy.take_along_axis(logs, ids[:, None], 1).mean()

    function = jax.jit(jax.grad(loss))
    return lambda: function(x)


def _mlp(jax: Any, sizes: tuple[int, ...], batch: int) -> Callable[[], Any]:
    """A step of plain gradient descent."""
    numpy = jax.numpy
    keys = jax.random.split(jax.random.key(0), len(sizes))
    params = [
        (jax.random.normal(k, (a, b)) * a**-0.5, numpy.zeros(b)) for k, a, b in zip(keys, sizes, sizes[1:])
    ]
    x = jax.random.normal(keys[-1], (batch, sizes[0]))
    ids = jax.random.randint(keys[-1], (batch,), 0, sizes[-1])

    def loss(params: Any) -> Any:
        h = x
        for i, (w, b) in enumerate(params):
            h = h @ w + b
            h = jax.nn.relu(h) if i < len(params) - 1 else h
        return -numpy.take_along_axis(jax.nn.log_softmax(h), ids[:, None], 1).mean()

    @jax.jit
    def step(params: Any) -> Any:
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, jax.grad(loss)(params))

    state = [params]

    def call() -> Any:
        state[0] = step(state[0])
        return state[0]

    return call


def plan() -> Iterator[tuple[str, Callable[[Any], Callable[[], Any]], float]]:
    yield "jax step MLP-MNIST B64", lambda jax: _mlp(jax, (784, 256, 128, 10), 64), 0.0
    yield "jax step MLP 1024x4 B512", lambda jax: _mlp(jax, (1024, 1024, 1024, 1024, 10), 512), 0.0
    for n in (4096, 1024, 8192, 256):
        for dtype in ("bfloat16", "float32"):
            yield f"jax gemm {dtype} {n}", lambda jax, n=n, dtype=dtype: _product(jax, n, dtype), 2.0 * n**3
    yield "jax cross_entropy grad bf16 8192x50257", lambda jax: _cross_entropy(jax, 8192, 50257), 0.0


def _time(jax: Any, call: Callable[[], Any], seconds: float) -> dict[str, float]:
    """Wall time with many calls in flight: JAX has no events."""
    jax.block_until_ready(call())
    times, until = [], time.monotonic() + seconds
    while len(times) < 20 and (len(times) < 4 or time.monotonic() < until):
        begin = time.perf_counter()
        for _ in range(20):
            last = call()
        jax.block_until_ready(last)
        times.append((time.perf_counter() - begin) * 1e6 / 20)
    return spread(times)


def measure(job: dict[str, Any], tell: Teller) -> int:
    planned = list(plan())
    if job["dry"]:
        tell(note=f"{len(planned)} planned with JAX")
        return 0
    try:
        import jax
    except ImportError:
        tell(note="no jax")
        return 0
    if jax.default_backend() != "gpu":
        tell(note=f"jax runs on {jax.default_backend()}: not measured")
        return 0
    begin = time.monotonic()
    for name, make, flops in planned:
        if time.monotonic() - begin > job["seconds"]:
            break
        try:
            row: dict[str, Any] = {"name": name, **_time(jax, make(jax), 0.5)}
        except Exception as error:  # noqa: BLE001
            tell(note=f"{name}: {type(error).__name__}: {str(error)[:160]}")
            continue
        if flops:
            row["rate"] = f"{flops / row['median'] * 1e-6:.1f} TFLOP/s"
        tell(row=row)
    return 0
