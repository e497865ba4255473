"""What is measured: a slot on tensors of PyTorch, and what PyTorch does with the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Iterator, Sequence

from .device import IN, IN_OUT, OUT, View

NAMES = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "bfloat16": "bf16",
    "int32": "i32",
    "int64": "i64",
}


@dataclass
class Set:
    """One set of buffers: hebb's operands, and the calls of PyTorch that do the same."""

    views: list[View]
    eager: Callable[[], Any]
    check: Callable[[], tuple[Any, Any]] | None = None  # hebb's result and PyTorch's
    keeps: list[Any] = field(default_factory=list)


@dataclass
class Bench:
    name: str
    slot: str
    params: dict[str, Any]
    size: int  # bytes that one call has to move
    flops: float
    make: Callable[[Any, str], Set]  # torch and its device
    floor: str = "copy_bandwidth (TB/s)"  # the ceiling it is held against


def view(tensor: Any, role: int = IN, dtype: str | None = None) -> View:
    name = dtype or NAMES[str(tensor.dtype).split(".")[-1]]
    return View(tensor.data_ptr(), name, tuple(tensor.shape), tuple(tensor.stride()), role)


def gemm(n: int, layout: str, dtype: str = "float32", floor: str = "fma_rate (TFLOP/s)") -> Bench:
    """nn: A B; nt: A B^T; tn: A^T B."""

    def make(torch: Any, where: str) -> Set:
        a, b = (torch.randn(n, n, device=where, dtype=getattr(torch, dtype)) for _ in range(2))
        a, b = (a.t() if layout[0] == "t" else a), (b.t() if layout[1] == "t" else b)
        out, own = torch.empty(n, n, device=where, dtype=a.dtype), torch.empty(
            n, n, device=where, dtype=a.dtype
        )
        views = [view(own, OUT), view(a), view(b)]
        return Set(views, lambda: torch.matmul(a, b, out=out), lambda: (own, out), [a, b])

    params = {"activation": 0, "has_bias": False, "precision": 0, "method": 0}
    size = 3 * n * n * (4 if dtype == "float32" else 2)
    return Bench(f"gemm {NAMES[dtype]} {n} {layout}", "gemm", params, size, 2.0 * n**3, make, floor)


def unary(
    slot: str, count: int, function: str, dtype: str = "float32", scalars: Sequence[float] = ()
) -> Bench:
    def make(torch: Any, where: str) -> Set:
        x = torch.randn(count, device=where, dtype=getattr(torch, dtype))
        own, results = torch.empty_like(x), [None]

        def eager() -> None:
            results[0] = getattr(torch.nn.functional, function)(x)

        return Set([view(own, OUT), view(x)], eager, lambda: (own, results[0]), [x])

    width = 4 if dtype == "float32" else 2
    params = {"compute": 0, "scalars": list(scalars)}
    return Bench(f"{slot} {NAMES[dtype]} {count}", slot, params, 2 * count * width, 0.0, make)


def add(count: int, dtype: str = "float32") -> Bench:
    def make(torch: Any, where: str) -> Set:
        a, b = (torch.randn(count, device=where, dtype=getattr(torch, dtype)) for _ in range(2))
        own, out = torch.empty_like(a), torch.empty_like(a)
        views = [view(own, OUT), view(a), view(b)]
        return Set(views, lambda: torch.add(a, b, out=out), lambda: (own, out), [a, b])

    width = 4 if dtype == "float32" else 2
    params = {"compute": 0, "scalars": []}
    return Bench(f"add {NAMES[dtype]} {count}", "add", params, 3 * count * width, 0.0, make)


def total(rows: int, columns: int, axis: int) -> Bench:
    """Of each row (axis 1), or of each column."""

    def make(torch: Any, where: str) -> Set:
        x = torch.randn(rows, columns, device=where)
        out = torch.empty(rows if axis else columns, device=where)
        own = torch.empty_like(out)
        shape = (rows, columns, 1) if axis else (1, rows, columns)
        views = [view(own.view(rows, 1) if axis else own.view(1, columns), OUT), view(x.view(shape))]
        return Set(views, lambda: torch.sum(x, axis, out=out), lambda: (own, out), [x])

    name = f"sum {'rows' if axis else 'columns'} {rows}x{columns}"
    return Bench(name, "sum", {"divisor": 1.0}, rows * columns * 4, 0.0, make)


def softmax(rows: int, classes: int, dtype: str = "float32") -> Bench:
    def make(torch: Any, where: str) -> Set:
        x = torch.randn(rows, classes, device=where, dtype=getattr(torch, dtype))
        own, results = torch.empty_like(x), [None]

        def eager() -> None:
            results[0] = torch.softmax(x, -1)

        return Set([view(own, OUT), view(x)], eager, lambda: (own, results[0]), [x])

    width = 4 if dtype == "float32" else 2
    name = f"softmax {NAMES[dtype]} {rows}x{classes}"
    return Bench(name, "softmax", {}, 2 * rows * classes * width, 0.0, make)


def cross_entropy(rows: int, classes: int) -> Bench:
    def make(torch: Any, where: str) -> Set:
        x, ids = torch.randn(rows, classes, device=where), torch.randint(classes, (rows,), device=where)
        loss, share, stats = (torch.empty(shape, device=where) for shape in ((rows,), (rows,), (rows, 2)))
        results = [None]

        def eager() -> None:
            results[0] = torch.nn.functional.cross_entropy(x, ids, reduction="none")

        views = [view(loss, OUT), view(share, OUT), view(stats, OUT), view(x), view(ids)]
        return Set(views, eager, lambda: (loss, results[0]), [x, ids, share, stats])

    params = {"ignore_index": -100, "label_smoothing": 0.0}
    return Bench(f"cross_entropy {rows}x{classes}", "cross_entropy", params, rows * classes * 4, 0.0, make)


def gpt2_sizes(scale: int) -> list[int]:
    """Parameters of a GPT-2 of 124 M, divided by `scale`."""
    block = [768 * 2304, 2304, 768 * 768, 768, 768 * 3072, 3072, 3072 * 768, 768, 768, 768, 768, 768]
    return [max(1, size // scale) for size in [50257 * 768, 1024 * 768, *block * 12, 768, 768]]


def adamw(name: str, sizes: Sequence[int]) -> Bench:
    def make(torch: Any, where: str) -> Set:
        lists = [[torch.rand(size, device=where) for size in sizes] for _ in range(4)]
        steps = torch.zeros(len(sizes), dtype=torch.int32, device=where)
        rate = torch.full((1,), 1e-3, device=where)
        counts = [View(steps.data_ptr() + 4 * i, "i32", (), (), IN_OUT) for i in range(len(sizes))]
        params, first, second, grads = lists
        views = [view(x, IN_OUT) for group in (params, first, second) for x in group] + counts
        views += [view(x) for x in grads] + [View(rate.data_ptr(), "f32", (), (), IN)]
        theirs = [torch.nn.Parameter(x.clone()) for x in params]
        for p, g in zip(theirs, grads):
            p.grad = g.clone()
        optimizer = torch.optim.AdamW(theirs, lr=1e-3, fused=True, capturable=where == "cuda")
        return Set(views, optimizer.step, None, [lists, steps, rate, theirs])

    options = {
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "weightDecay": 0.01,
        "decoupled": True,
        "amsgrad": False,
    }
    return Bench(name, "adam_step", {"count": len(sizes), **options}, 28 * sum(sizes), 0.0, make)


def sgd(name: str, sizes: Sequence[int]) -> Bench:
    def make(torch: Any, where: str) -> Set:
        lists = [[torch.rand(size, device=where) for size in sizes] for _ in range(3)]
        steps = torch.zeros(len(sizes), dtype=torch.int32, device=where)
        rate = torch.full((1,), 1e-3, device=where)
        counts = [View(steps.data_ptr() + 4 * i, "i32", (), (), IN_OUT) for i in range(len(sizes))]
        params, momenta, grads = lists
        views = [view(x, IN_OUT) for group in (params, momenta) for x in group] + counts
        views += [view(x) for x in grads] + [View(rate.data_ptr(), "f32", (), (), IN)]
        theirs = [torch.nn.Parameter(x.clone()) for x in params]
        for p, g in zip(theirs, grads):
            p.grad = g.clone()
        optimizer = torch.optim.SGD(theirs, lr=1e-3, momentum=0.9, fused=True)
        return Set(views, optimizer.step, None, [lists, steps, rate, theirs])

    options = {"momentum": 0.9, "dampening": 0.0, "weightDecay": 0.0, "nesterov": False, "maximize": False}
    return Bench(name, "sgd_step", {"count": len(sizes), **options}, 20 * sum(sizes), 0.0, make)


def embedding(rows: int, width: int, count: int, grad: bool) -> Bench:
    def make(torch: Any, where: str) -> Set:
        ids = torch.randint(rows, (count,), device=where)
        table, dy = torch.randn(rows, width, device=where), torch.randn(count, width, device=where)
        own, results = torch.empty_like(table if grad else dy), [None]
        if not grad:

            def eager() -> None:
                results[0] = torch.nn.functional.embedding(ids, table)

            views = [view(own.view(1, count, width), OUT), view(table.view(1, rows, width)), view(ids)]
        else:

            def eager() -> None:
                results[0] = torch.ops.aten.embedding_dense_backward(dy, ids, rows, -1, False)

            views = [view(own.view(1, rows, width), OUT), view(dy.view(1, count, width)), view(ids)]
        return Set(views, eager, lambda: (own, results[0]), [ids, table, dy])

    slot, size = ("index_add", (rows + count) * width * 4) if grad else ("take", 2 * count * width * 4)
    return Bench(f"embedding{' grad' if grad else ''} {count} of {rows}x{width}", slot, {}, size, 0.0, make)


def dropout(count: int) -> Bench:
    def make(torch: Any, where: str) -> Set:
        x, seed = torch.randn(count, device=where), torch.tensor([7, 0], device=where)
        own = torch.empty_like(x)
        views = [view(own, OUT), view(x), view(seed)]
        return Set(views, lambda: torch.nn.functional.dropout(x, 0.1, True), None, [x, seed, own])

    return Bench(f"dropout {count}", "dropout", {"counter": 0, "p": 0.1}, 8 * count, 0.0, make)


def copy(rows: int, columns: int, turned: bool) -> Bench:
    def make(torch: Any, where: str) -> Set:
        x = (
            torch.randn(columns, rows, device=where).t()
            if turned
            else torch.randn(rows, columns, device=where)
        )
        own, out = torch.empty(rows, columns, device=where), torch.empty(rows, columns, device=where)
        return Set([view(own, OUT), view(x)], lambda: out.copy_(x), lambda: (own, out), [x])

    name = f"{'transpose' if turned else 'copy'} {rows}x{columns}"
    return Bench(name, "copy", {}, 8 * rows * columns, 0.0, make)


def benches(small: bool) -> Iterator[Bench]:
    """The most telling ones first; small ones for a dry run."""
    k = 64 if small else 1
    yield add((1 << 24) // k)
    yield unary("gelu", (1 << 24) // k, "gelu")
    for n in (33, 64) if small else (1024, 4096, 256, 512, 2048, 8192):
        yield gemm(n, "nn")
    yield softmax(8192 // k, 1024)
    yield softmax(4096 // k, 32768 // k)
    yield cross_entropy(8192 // k, 50257 // k)
    yield adamw("adamw 124 M in 148", gpt2_sizes(4096 if small else 1))
    yield adamw("adamw 4 M", [(4 << 20) // (k * k)])
    yield total(8192 // k, 4096 // k, 1)
    yield total(8192 // k, 4096 // k, 0)
    yield total(16 // min(k, 4), (1 << 20) // (k * k), 1)
    yield embedding(50257 // k, 768 // min(k, 8), 8192 // k, False)
    yield embedding(50257 // k, 768 // min(k, 8), 8192 // k, True)
    yield dropout((1 << 24) // k)
    yield copy(8192 // k, 4096 // k, False)
    yield copy(8192 // k, 4096 // k, True)
    for n in (65,) if small else (1024, 4096):
        for layout in ("nt", "tn"):
            yield gemm(n, layout)
        yield gemm(n, "nn", "bfloat16", "matmul bf16 (TFLOP/s)")
    yield add((1 << 24) // k, "bfloat16")
    yield unary("gelu", (1 << 24) // k, "gelu", "bfloat16")
    yield sgd("sgd 124 M in 148", gpt2_sizes(4096 if small else 1))
    yield sgd("sgd 4 M", [(4 << 20) // (k * k)])
