"""Whole training steps of PyTorch: forward, loss, backward and optimizer, and the kernels of each."""

from __future__ import annotations

from typing import Any, Iterator

from .baselines import Baseline, Call

MODES = ("eager", "compile", "reduce-overhead")


def _step(torch: Any, model: Any, loss_of: Any, mode: str, autocast: bool) -> Call:
    """One step; `loss_of` gives the loss of the model on its batch."""
    model = model.cuda().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    run = model if mode == "eager" else torch.compile(model, mode=None if mode == "compile" else mode)

    def step() -> None:
        with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
            loss = loss_of(run)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step


def mlp(torch: Any, mode: str, autocast: bool) -> Call:
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    x, ids = torch.randn(64, 784, device="cuda"), torch.randint(10, (64,), device="cuda")
    return _step(torch, model, lambda run: nn.functional.cross_entropy(run(x), ids), mode, autocast)


def cnn(torch: Any, mode: str, autocast: bool) -> Call:
    nn = torch.nn
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(3136, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ).to(memory_format=torch.channels_last)
    x, ids = torch.randn(128, 1, 28, 28, device="cuda"), torch.randint(10, (128,), device="cuda")
    return _step(torch, model, lambda run: nn.functional.cross_entropy(run(x), ids), mode, autocast)


def char_lstm(torch: Any, mode: str, autocast: bool) -> Call:
    nn = torch.nn

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.head = nn.Embedding(96, 256), nn.Linear(512, 96)
            self.lstm = nn.LSTM(256, 512, 2, batch_first=True)

        def forward(self, ids: Any) -> Any:
            return self.head(self.lstm(self.embedding(ids))[0])

    ids = torch.randint(96, (64, 129), device="cuda")

    def loss(run: Any) -> Any:
        return nn.functional.cross_entropy(run(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    return _step(torch, Model(), loss, mode, autocast)


def gpt2(torch: Any, mode: str, autocast: bool) -> Call:
    """12 blocks of 12 heads, 768 wide: 124 M parameters, the head tied to the embedding; 8 x 1024 tokens."""
    nn, f = torch.nn, torch.nn.functional

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(768), nn.LayerNorm(768)
            self.qkv, self.out = nn.Linear(768, 2304), nn.Linear(768, 768)
            self.up, self.down = nn.Linear(768, 3072), nn.Linear(3072, 768)

        def forward(self, x: Any) -> Any:
            b, t, c = x.shape
            q, k, v = (z.view(b, t, 12, 64).transpose(1, 2) for z in self.qkv(self.ln1(x)).split(c, 2))
            y = f.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, c)
            x = x + self.out(y)
            return x + self.down(f.gelu(self.up(self.ln2(x)), approximate="tanh"))

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(50257, 768), nn.Embedding(1024, 768)
            self.blocks, self.ln = nn.Sequential(*(Block() for _ in range(12))), nn.LayerNorm(768)

        def forward(self, ids: Any) -> Any:
            x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
            return f.linear(self.ln(self.blocks(x)), self.tokens.weight)

    ids = torch.randint(50257, (8, 1025), device="cuda")

    def loss(run: Any) -> Any:
        return f.cross_entropy(run(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())

    return _step(torch, Model(), loss, mode, autocast)


def resnet50(torch: Any, mode: str, autocast: bool) -> Call:
    """Bottlenecks of 3, 4, 6 and 3, channels last, a batch of 64."""
    nn = torch.nn

    def conv(a: int, b: int, k: int, s: int = 1) -> list[Any]:
        return [nn.Conv2d(a, b, k, s, k // 2, bias=False), nn.BatchNorm2d(b)]

    class Bottleneck(nn.Module):
        def __init__(self, a: int, b: int, s: int) -> None:
            super().__init__()
            relu = nn.ReLU(inplace=True)
            self.body = nn.Sequential(*conv(a, b, 1), relu, *conv(b, b, 3, s), relu, *conv(b, 4 * b, 1))
            self.skip = nn.Identity() if a == 4 * b and s == 1 else nn.Sequential(*conv(a, 4 * b, 1, s))

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.skip(x))

    layers, a = [*conv(3, 64, 7, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)], 64
    for b, count, s in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            layers.append(Bottleneck(a, b, s if i == 0 else 1))
            a = 4 * b
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))
    model = model.to(memory_format=torch.channels_last)
    x = torch.randn(64, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
    ids = torch.randint(1000, (64,), device="cuda")
    return _step(torch, model, lambda run: nn.functional.cross_entropy(run(x), ids), mode, autocast)


MODELS = {
    "MLP-MNIST B64": mlp,
    "small CNN B128": cnn,
    "char-LSTM": char_lstm,
    "GPT-2 124M 8x1024": gpt2,
    "ResNet-50 B64": resnet50,
}


def steps() -> Iterator[Baseline]:
    for mode in MODES:
        for name, model in MODELS.items():
            for autocast in (True,) if name.startswith(("GPT", "Res")) else (False, True):

                def make(torch: Any, a=(model, mode, autocast)) -> Call:
                    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
                    return a[0](torch, *a[1:])

                label = f"step {name} {'bf16' if autocast else 'tf32'} {mode}"
                yield Baseline(label, make, weight=3, counts=True)
