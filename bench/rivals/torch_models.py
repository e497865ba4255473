"""The models of bench/workloads in PyTorch; parts have the names they have there, so that the exported weights fit."""

import torch
from torch import nn
from torch.nn import functional

HIDDEN = 256


def mlp():
    return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 5),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
        )

    def forward(self, x):
        return self.head(self.features(x))


def conv(before, after, size, stride):
    return nn.Conv2d(before, after, size, stride=stride, padding=(size - 1) // 2, bias=False)


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.main = nn.Sequential(
            conv(before, after, 3, stride),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            conv(after, after, 3, 1),
            nn.BatchNorm2d(after),
        )
        same = before == after and stride == 1
        self.shortcut = (
            nn.Identity() if same else nn.Sequential(conv(before, after, 1, stride), nn.BatchNorm2d(after))
        )

    def forward(self, x):
        return functional.relu(self.main(x) + self.shortcut(x))


def resnet18():
    blocks = []
    before = 64
    for width, stride in [(64, 1), (128, 2), (256, 2), (512, 2)]:
        blocks += [Block(before, width, stride), Block(width, width, 1)]
        before = width
    return nn.Sequential(
        conv(3, 64, 3, 1),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


class CharLstm(nn.Module):
    """Ids [time, batch] to logits [time, batch, 65]: time first spares the library copies."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(65, 64)
        self.lstm = nn.LSTM(64, HIDDEN)
        self.head = nn.Linear(HIDDEN, 65)

    def forward(self, ids):
        return self.head(self.lstm(self.embedding(ids))[0])


class Seq2Seq(nn.Module):
    """Source and target [time, batch] to logits [time, batch, 1000]; the decoder sees at each step what it predicts there."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(1000, 128)
        self.encoder = nn.GRU(128, HIDDEN)
        self.cell = nn.GRUCell(128 + HIDDEN, HIDDEN)
        self.head = nn.Linear(2 * HIDDEN, 1000)

    def forward(self, source, target):
        encoded, hidden = self.encoder(self.embedding(source))
        encoded = encoded.transpose(0, 1).contiguous()  # [batch, time, hidden]
        h = hidden[0]
        context = torch.zeros_like(h)
        logits = []
        for embedded in self.embedding(target).unbind(0):
            h = self.cell(torch.cat([embedded, context], -1), h)
            scores = torch.bmm(encoded, h.unsqueeze(-1)).transpose(1, 2)  # [batch, 1, time]
            context = torch.bmm(scores.softmax(-1), encoded).squeeze(1)
            logits.append(self.head(torch.cat([h, context], -1)))
        return torch.stack(logits)


class TransformerBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(0.1)
        )
        self.dropout = nn.Dropout(0.1)

    def attend(self, x):
        batch, time, width = x.shape
        cut = lambda part: part.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
        query, key, value = map(cut, self.qkv(x).chunk(3, -1))
        attended = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.out(attended.transpose(1, 2).reshape(batch, time, width))

    def forward(self, x):
        x = x + self.dropout(self.attend(self.norm1(x)))
        return x + self.feed(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(1000, 256)
        self.positions = nn.Parameter(torch.zeros(128, 256))
        self.blocks = nn.Sequential(*(TransformerBlock(256, 8) for _ in range(4)))
        self.norm = nn.LayerNorm(256)
        self.head = nn.Linear(256, 1000)

    def forward(self, ids):
        return self.head(self.norm(self.blocks(self.embedding(ids) + self.positions)))


class Vae(nn.Module):
    """Images and noise [batch, 20], drawn where none is given, to logits, mean and logarithm of the variance."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
        self.mean = nn.Linear(400, 20)
        self.log_variance = nn.Linear(400, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))

    def forward(self, x, noise=None):
        hidden = self.encoder(x)
        m, v = self.mean(hidden), self.log_variance(hidden)
        eps = torch.randn_like(m) if noise is None else noise
        return self.decoder(m + eps * torch.exp(v * 0.5)), m, v


def generator():
    leaky = lambda: nn.LeakyReLU(0.2)
    return nn.Sequential(
        nn.Linear(100, 256), leaky(), nn.Linear(256, 512), leaky(), nn.Linear(512, 784), nn.Tanh()
    )


def discriminator():
    leaky = lambda: nn.LeakyReLU(0.2)
    return nn.Sequential(nn.Linear(784, 512), leaky(), nn.Linear(512, 256), leaky(), nn.Linear(256, 1))
