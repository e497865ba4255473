"""Single operations of PyTorch."""

from __future__ import annotations

from typing import Any, Iterator

from .baselines import Baseline, Call

DTYPES = ("bfloat16", "float32", "tf32", "float16")
BYTES = {"bfloat16": 2, "float16": 2, "float32": 4, "tf32": 4}


def _dtype(torch: Any, name: str) -> Any:
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"
    return torch.float32 if name == "tf32" else getattr(torch, name)


def products() -> Iterator[Baseline]:
    for n in (4096, 1024, 8192, 256, 2048, 512):
        for name in DTYPES:
            for layout in ("nn", "nt", "tn"):

                def make(torch: Any, n: int = n, name: str = name, layout: str = layout) -> Call:
                    kind = _dtype(torch, name)
                    a, b = (torch.randn(n, n, device="cuda", dtype=kind) for _ in range(2))
                    out = torch.empty_like(a)
                    a, b = (a.t() if layout[0] == "t" else a), (b.t() if layout[1] == "t" else b)
                    return lambda: torch.matmul(a, b, out=out)

                yield Baseline(f"gemm {name} {n} {layout}", make, flops=2.0 * n**3)


def recurrent() -> Iterator[Baseline]:
    """Forward and backward of 128 steps."""
    grid = [(512, 64), (256, 32), (1024, 64), (64, 128), (128, 1), (2048, 32)]
    for hidden, batch in grid:
        for name in ("float16", "bfloat16", "float32"):
            for kind in ("LSTM", "GRU"):
                for both in (False, True):

                    def make(torch: Any, a=(hidden, batch, name, kind, both)) -> Call:
                        hidden, batch, name, kind, both = a
                        dtype = _dtype(torch, name)
                        layer = getattr(torch.nn, kind)(hidden, hidden, batch_first=True, bidirectional=both)
                        layer = layer.to("cuda", dtype)
                        x = torch.randn(batch, 128, hidden, device="cuda", dtype=dtype, requires_grad=True)
                        dy = torch.randn(batch, 128, hidden * (2 if both else 1), device="cuda", dtype=dtype)
                        return lambda: layer(x)[0].backward(dy)

                    label = f"{kind} {name} H{hidden} B{batch} T128{' both ways' if both else ''} fwd+bwd"
                    yield Baseline(label, make)


def attention() -> Iterator[Baseline]:
    shapes = [(4, 16, 4096, 128), (8, 12, 1024, 64), (32, 12, 512, 64), (1, 16, 16384, 128)]
    for b, h, t, d in shapes:
        for backend in ("default", "CUDNN_ATTENTION", "FLASH_ATTENTION"):
            for causal in (False, True):
                for grad in (False, True):

                    def make(torch: Any, a=(b, h, t, d), backend=backend, causal=causal, grad=grad) -> Call:
                        from torch.nn.attention import SDPBackend, sdpa_kernel

                        f = torch.nn.functional.scaled_dot_product_attention
                        options = {"device": "cuda", "dtype": torch.bfloat16, "requires_grad": grad}
                        q, k, v = (torch.randn(*a, **options) for _ in range(3))
                        dy = torch.randn(*a, device="cuda", dtype=torch.bfloat16)

                        def call() -> None:
                            y = f(q, k, v, is_causal=causal)
                            if grad:
                                y.backward(dy)

                        def chosen() -> None:
                            with sdpa_kernel(getattr(SDPBackend, backend)):
                                call()

                        return call if backend == "default" else chosen

                    label = f"attention bf16 B{b} H{h} T{t} D{d} {backend}{' causal' if causal else ''}"
                    flops = 4.0 * b * h * t * t * d * (0.5 if causal else 1) * (3.5 if grad else 1)
                    yield Baseline(f"{label}{' fwd+bwd' if grad else ''}", make, flops=flops)


# ResNet-50: channels in and out, image, kernel, stride.
CONVOLUTIONS = [
    (64, 64, 56, 3, 1),
    (256, 128, 56, 1, 1),
    (128, 128, 28, 3, 1),
    (256, 256, 14, 3, 1),
    (512, 512, 7, 3, 1),
    (3, 64, 224, 7, 2),
    (1024, 512, 14, 1, 1),
    (256, 256, 28, 3, 2),
]


def convolutions() -> Iterator[Baseline]:
    for shape in CONVOLUTIONS:
        for name in ("bfloat16", "float32", "tf32"):
            for layout in ("channels_last", "contiguous_format"):
                for part in ("fwd", "dgrad", "wgrad"):
                    cin, cout, image, kernel, stride = shape
                    out = image // stride
                    label = f"conv {name} 64x{cin}x{image} {kernel}x{kernel}/{stride} {cout} {layout} {part}"
                    flops = 2.0 * 64 * out * out * cout * cin * kernel * kernel

                    def make(torch: Any, a=(shape, name, layout, part)) -> Call:
                        return _convolution(torch, *a)

                    yield Baseline(label, make, flops=flops)


def _convolution(torch: Any, shape: tuple, name: str, layout: str, part: str) -> Call:
    cin, cout, image, kernel, stride = shape
    dtype, pad = _dtype(torch, name), kernel // 2
    torch.backends.cudnn.benchmark = True
    memory = getattr(torch, layout)
    x = torch.randn(64, cin, image, image, device="cuda", dtype=dtype).to(memory_format=memory)
    w = torch.randn(cout, cin, kernel, kernel, device="cuda", dtype=dtype).to(memory_format=memory)
    y = torch.nn.functional.conv2d(x, w, None, stride, pad)
    if part == "fwd":
        return lambda: torch.nn.functional.conv2d(x, w, None, stride, pad)
    dy, mask = torch.randn_like(y), [part == "dgrad", part == "wgrad", False]
    ones, two = [1, 1], [stride, stride]
    return lambda: torch.ops.aten.convolution_backward(
        dy, x, w, [0], two, [pad, pad], ones, False, [0, 0], 1, mask
    )


def others() -> Iterator[Baseline]:
    """Norms, losses and optimizers: eager, and compiled as well as torch.compile can."""
    for mode in ("eager", "compile", "max-autotune-no-cudagraphs"):
        for what in ("layer_norm", "cross_entropy", "batch_norm", "gelu+bias"):

            def make(torch: Any, what: str = what, mode: str = mode) -> Call:
                return _fused(torch, what, mode)

            yield Baseline(f"{what} fwd+bwd bf16 {mode}", make, weight=2)
    for kind in ("fused", "foreach", "single"):
        for count, pieces in ((124_000_000, 148), (4_000_000, 1)):

            def optimizer(torch: Any, kind: str = kind, count: int = count, pieces: int = pieces) -> Call:
                params = [
                    torch.nn.Parameter(torch.rand(count // pieces, device="cuda")) for _ in range(pieces)
                ]
                for p in params:
                    p.grad = torch.rand_like(p)
                options = {} if kind == "single" else {kind: True}
                if kind == "single":
                    options = {"foreach": False, "fused": False}
                return torch.optim.AdamW(params, lr=1e-3, **options).step

            yield Baseline(f"AdamW {kind} {count // 1_000_000} M in {pieces}", optimizer, size=28.0 * count)


def _fused(torch: Any, what: str, mode: str) -> Call:
    f, options = torch.nn.functional, {"device": "cuda", "dtype": torch.bfloat16}
    if what == "cross_entropy":
        x = torch.randn(8192, 50257, requires_grad=True, **options)
        ids = torch.randint(50257, (8192,), device="cuda")
        function, inputs = (lambda x: f.cross_entropy(x, ids)), [x]
    elif what == "batch_norm":
        x = torch.randn(64, 256, 56, 56, **options).to(memory_format=torch.channels_last).requires_grad_()
        w, b = (torch.randn(256, requires_grad=True, **options) for _ in range(2))
        function, inputs = (lambda x: f.batch_norm(x, None, None, w, b, True).sum()), [x, w, b]
    else:
        x = torch.randn(16384, 4096, requires_grad=True, **options)
        w, b = (torch.randn(4096, requires_grad=True, **options) for _ in range(2))
        function = (
            (lambda x: f.layer_norm(x, (4096,), w, b).sum())
            if what == "layer_norm"
            else (lambda x: f.gelu(x + b).sum())
        )
        inputs = [x, w, b]
    if mode != "eager":
        function = torch.compile(function, mode=None if mode == "compile" else mode)

    def call() -> None:
        for tensor in inputs:
            tensor.grad = None
        function(inputs[0]).backward()

    return call
