"""The operations of bench/ops in PyTorch: `operation(parts, description)` makes a function that runs one step, and one that
runs the first steps and gives what comes of them by name. A step has nothing to be read: it is done when it returns."""

import torch
from torch import nn
from torch.nn import functional

from protocol import states


class Operation(nn.Module):
    """The parameters that the file has for itself, and the layer or list of parameters that the others belong to."""

    def __init__(self, parts, **members):
        super().__init__()
        for name, array in states(parts.arrays, 0).items():
            if "." not in name:
                shape = parts.channels_second(torch.from_numpy(array.copy())).shape
                self.register_parameter(name, nn.Parameter(torch.empty(shape)))
        for name, member in members.items():
            self.add_module(name, member)


def conv(d):
    options = {"stride": d["stride"], "padding": d["padding"], "groups": d["groups"], "bias": False}
    return nn.Conv2d(d["inputs"], d["outputs"], d["kernel"], **options)


# By op: the layer that is applied to the parameter x, made from the description.
layers = {
    "linear": lambda d: nn.Linear(d["inputs"], d["outputs"], bias=False),
    "conv": conv,
    "maxPool": lambda d: nn.MaxPool2d(2),
    "averagePool": lambda d: nn.AvgPool2d(2),
    "batchNorm": lambda d: nn.BatchNorm2d(d["shape"][-1]),
    "layerNorm": lambda d: nn.LayerNorm(d["shape"][-1]),
    "dropout": lambda d: nn.Dropout(0.1),
}
recurrent = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def chain(x):
    gated = (x * 1.5 + 0.25).sigmoid() * x
    return ((gated - 0.5).square() - 0.1).relu()


def transposed(parts, d):
    model = parts.model(Operation(parts))
    options = {"stride": d["stride"], "padding": d["padding"]}
    return model, lambda: functional.conv_transpose2d(model.x, model.weight, **options)


def attention(parts, d):
    model = parts.model(Operation(parts))
    attend = functional.scaled_dot_product_attention
    return model, lambda: attend(model.query, model.key, model.value, is_causal=True)


def embedding(parts, d):
    model = parts.model(Operation(parts, layer=nn.Embedding(d["count"], d["features"])))
    return model, lambda ids: model.layer(ids)


def time_first(parts, d):
    """Inputs and outputs are [time, batch, features], which spares the library copies."""
    model = parts.model(Operation(parts, layer=recurrent[d["op"]](d["inputs"], d["hidden"])))
    turned = lambda x: x.detach().transpose(0, 1).contiguous()
    model.x = nn.Parameter(turned(model.x))
    parts.inputs = [turned(dy) for dy in parts.inputs]
    return model, lambda: model.layer(model.x)[0]


def plain(function):
    """A function of the parameter x, and of what inputs it takes."""

    def made(parts, d):
        model = parts.model(Operation(parts))
        return model, lambda *inputs: function(model.x, *inputs)

    return made


def layered(parts, d):
    model = parts.model(Operation(parts, layer=layers[d["op"]](d)))
    return model, lambda: model.layer(model.x)


# The rest: a model and its forward pass, a function of the inputs.
special = {
    "transposed": transposed,
    "attention": attention,
    "embedding": embedding,
    "crossEntropy": plain(functional.cross_entropy),
    "chain": plain(chain),
    **dict.fromkeys(recurrent, time_first),
}


def layer_step(parts, d):
    model, forward = special.get(d["op"], layered)(parts, d)
    forward = parts.forward(forward)
    # A loss is walked back from itself, anything else from the last input.
    inputs, dy = (parts.inputs, None) if d["op"] == "crossEntropy" else (parts.inputs[:-1], parts.inputs[-1])
    parameters = list(model.parameters())

    def walk():
        for parameter in parameters:
            parameter.grad = None
        y = forward(*inputs)
        y.backward(dy)
        return y

    def step():
        walk()
        return []

    def outcome():
        y = walk()
        grads = {name: parameter.grad for name, parameter in model.named_parameters()}
        return {"y": y.detach(), **grads}

    return step, outcome


optimizers = {
    "sgd": (torch.optim.SGD, {"momentum": 0.9}),
    "adam": (torch.optim.Adam, {}),
    "adamw": (torch.optim.AdamW, {"weight_decay": 0.01}),
}


def update_step(parts, d):
    parameters = nn.ParameterList([torch.empty(shape) for shape in d["shapes"]])
    model = parts.model(Operation(parts, list=parameters))
    kind, options = optimizers[d["op"]]
    optimizer = parts.optimizer(kind, model, lr=d["lr"], **options)
    for parameter, grad in zip(parameters, parts.inputs):
        parameter.grad = grad

    def step():
        optimizer.step()
        return []

    def outcome():
        before = [parameter.detach().clone() for parameter in parameters]
        for _ in range(d["outcomeSteps"]):
            step()
        return {f"list.{i}": p.detach() - before[i] for i, p in enumerate(parameters)}

    return step, outcome


def operation(parts, d):
    return (update_step if d["family"] == "optimizer" else layer_step)(parts, d)
