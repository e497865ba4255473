"""The training steps of bench/workloads in PyTorch: `steps[name](parts)` makes a function that runs one and gives its losses."""

import torch
from torch import nn
from torch.nn import functional

import torch_models as models
from protocol import numbered, states


class Parts:
    """What a step is made of, prepared for a setting: models with the exported weights, inputs, noise, optimizers."""

    def __init__(self, arrays, task):
        self.arrays = arrays
        self.settings = task["settings"]
        self.check = task.get("check", False)
        self.bf16 = task.get("precision") == "bf16"
        self.channels_last = self.settings.get("channelsLast", False)
        # An operation says whether what has four axes is images, or kernels of them.
        self.images = task.get("operation", {"images": True}).get("images", False)
        self.inputs = [self.input(array) for array in numbered(arrays, "inputs")]
        noise = numbered(arrays, "noise") if self.check else []
        # None: drawn in each step.
        self.noise = torch.from_numpy(noise[0].copy()) if noise else None

    def input(self, array):
        if array.dtype.kind == "i":
            return torch.from_numpy(array.astype("int64"))
        tensor = self.channels_second(torch.from_numpy(array.copy()))
        return tensor if self.channels_last else tensor.contiguous()

    def channels_second(self, value):
        return value.permute(0, 3, 1, 2) if self.images and value.dim() == 4 else value

    def model(self, model, index=0, flattened=None):
        """`flattened` names a weight whose inputs were images [height, width, channels], of the given extents."""
        values = {name: torch.from_numpy(array.copy()) for name, array in states(self.arrays, index).items()}
        for name, value in values.items():
            if flattened is not None and name == flattened[0]:
                value = value.view(-1, *flattened[1]).permute(0, 3, 1, 2).flatten(1)
            values[name] = self.channels_second(value)
        model.load_state_dict(values)
        if self.check:
            for module in model.modules():
                if isinstance(module, nn.Dropout):
                    module.eval()
        return model.to(memory_format=torch.channels_last) if self.channels_last else model

    def optimizer(self, kind, model, **options):
        fused = {"fused": True} if self.settings.get("fused", False) else {}
        return kind(model.parameters(), **options, **fused)

    def forward(self, function):
        """The part of a step before the walk back, compiled or under autocast where the setting says so."""
        if self.settings.get("compile", False):
            function = torch.compile(function)
        if not self.bf16:
            return function
        within = lambda: torch.autocast("cpu", dtype=torch.bfloat16)

        def narrow(*args):
            with within():
                return function(*args)

        return narrow


def cross_entropy(logits, target):
    return functional.cross_entropy(logits.flatten(0, -2), target.flatten())


def classifier(parts, model, optimizer, inputs, logits_of=None):
    logits_of = logits_of or (lambda x, target: model(x))
    loss_of = parts.forward(lambda x, target: cross_entropy(logits_of(x, target), target))

    def step():
        optimizer.zero_grad()
        loss = loss_of(*inputs)
        loss.backward()
        optimizer.step()
        return [loss]

    return step


def adam(parts, model):
    return parts.optimizer(torch.optim.Adam, model, lr=1e-3)


def sgd(parts, model):
    return parts.optimizer(torch.optim.SGD, model, lr=1e-2, momentum=0.9)


def time_first(parts):
    return [ids.t().contiguous() for ids in parts.inputs]


def mlp(parts):
    model = parts.model(models.mlp())
    return classifier(parts, model, adam(parts, model), parts.inputs)


def lenet(parts):
    model = parts.model(models.LeNet(), flattened=("head.1.weight", (5, 5, 16)))
    return classifier(parts, model, sgd(parts, model), parts.inputs)


def resnet18(parts):
    model = parts.model(models.resnet18())
    return classifier(parts, model, sgd(parts, model), parts.inputs)


def charlstm(parts):
    model = parts.model(models.CharLstm())
    return classifier(parts, model, adam(parts, model), time_first(parts))


def seq2seq(parts):
    model = parts.model(models.Seq2Seq())
    return classifier(parts, model, adam(parts, model), time_first(parts), model)


def transformer(parts):
    model = parts.model(models.Transformer())
    optimizer = parts.optimizer(torch.optim.AdamW, model, lr=1e-3, weight_decay=0.01)
    return classifier(parts, model, optimizer, parts.inputs)


def vae(parts):
    model = parts.model(models.Vae())
    optimizer = adam(parts, model)

    def loss_of(x):
        logits, m, v = model(x, parts.noise)
        reconstruction = functional.binary_cross_entropy_with_logits(logits, x, reduction="sum")
        return reconstruction - 0.5 * (1 + v - m.square() - v.exp()).sum()

    forward = parts.forward(loss_of)

    def step():
        optimizer.zero_grad()
        loss = forward(*parts.inputs)
        loss.backward()
        optimizer.step()
        return [loss]

    return step


def gan(parts):
    g, d = parts.model(models.generator(), 0), parts.model(models.discriminator(), 1)
    optimizer_g, optimizer_d = [parts.optimizer(torch.optim.Adam, model, lr=2e-4) for model in (g, d)]
    (real,) = parts.inputs
    yes, no = torch.ones(len(real), 1), torch.zeros(len(real), 1)
    bce = functional.binary_cross_entropy_with_logits
    make = parts.forward(g)
    loss_of_d = parts.forward(lambda real, fakes: bce(d(real), yes) + bce(d(fakes), no))
    loss_of_g = parts.forward(lambda noise: bce(d(g(noise)), yes))

    # The generator runs twice, and its update throws the discriminator's gradients away: as usually written.
    def step():
        noise = torch.randn(len(real), 100) if parts.noise is None else parts.noise
        with torch.no_grad():
            fakes = make(noise)
        optimizer_d.zero_grad()
        loss_d = loss_of_d(real, fakes)
        loss_d.backward()
        optimizer_d.step()
        optimizer_g.zero_grad()
        loss_g = loss_of_g(noise)
        loss_g.backward()
        optimizer_g.step()
        return [loss_d, loss_g]

    return step


steps = {
    "mlp": mlp,
    "lenet": lenet,
    "resnet18": resnet18,
    "charlstm": charlstm,
    "seq2seq": seq2seq,
    "transformer": transformer,
    "vae": vae,
    "gan": gan,
}
