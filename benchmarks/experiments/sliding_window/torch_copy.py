"""An equal PyTorch copy of a Keras network of this project, weight for weight.

The copy is built layer by layer from the functional model, without a converter, as a PyTorch user
would write it: NCHW, ``same`` padding as symmetric padding where that is equal and as an explicit
pad where it is not (even sides at stride 2), bilinear interpolation, and batch normalisation folded
into the convolutions, as in our sessions.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class TorchCopy(nn.Module):
    """Runs a Keras functional model's graph in PyTorch, NCHW.

    Args:
        model: a model of the layers in the presets ``hrpn-s``, ``hrpn-m`` and ``hrpn-l``.
        fold: whether batch normalisation is folded into the convolution before it.

    Raises:
        NotImplementedError: the model has a layer of another type.
    """

    def __init__(self, model: Any, *, fold: bool = True) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        self.sources: list[tuple[int, ...]] = []
        places = {id(model.inputs[0]): 0}
        folded = _folded(model) if fold else {}
        for layer, sources, result in _calls(model):
            if layer in folded.values():
                places[id(result)] = places[id(sources[0])]
                continue
            self.steps.append(_module(layer, folded.get(layer)))
            self.sources.append(tuple(places[id(source)] for source in sources))
            places[id(result)] = len(self.steps)
        self.last = self._last_uses()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``x`` (N, inputs, H, W) to (N, outputs, H, W), grey levels."""
        values: dict[int, torch.Tensor] = {0: x}
        for index, (step, sources) in enumerate(zip(self.steps, self.sources, strict=True)):
            result = step(*(values[source] for source in sources))
            for source in self.last[index]:
                del values[source]  # free the memory as soon as nothing needs the value
            values[index + 1] = result
        return values[len(self.steps)]

    def _last_uses(self) -> list[tuple[int, ...]]:
        """For each step, the values that no later step needs."""
        users = {source: index for index, all_ in enumerate(self.sources) for source in all_}
        return [
            tuple(source for source, user in users.items() if user == index)
            for index in range(len(self.sources))
        ]


def _calls(model: Any) -> list[tuple[Any, list[Any], Any]]:
    """Every layer with its input tensors and its output tensor, in order of execution."""
    calls = []
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            if not node.is_input:
                calls.append((node.operation, list(node.input_tensors), node.output_tensors[0]))
    return calls


def _folded(model: Any) -> dict[Any, Any]:
    """The batch normalisation after each convolution that has no other user."""
    calls = _calls(model)
    makers = {id(result): layer for layer, _, result in calls}
    users: dict[int, list[Any]] = {}
    for layer, sources, _ in calls:
        for source in sources:
            users.setdefault(id(source), []).append(layer)
    return {
        makers[id(sources[0])]: layer
        for layer, sources, _ in calls
        if type(layer).__name__ == "BatchNormalization"
        and type(makers[id(sources[0])]).__name__ == "Conv2D"
        and users[id(sources[0])] == [layer]
    }


def _module(layer: Any, normalisation: Any) -> nn.Module:
    kind = type(layer).__name__
    if kind == "Conv2D":
        return _convolution(layer, normalisation)
    if kind not in _MODULES:
        raise NotImplementedError(f"no PyTorch copy of the layer {layer.name} ({kind})")
    return _MODULES[kind](layer)


class _PadEnd(nn.Module):
    """``same`` padding at stride 2 and kernel 3 for even sides: below and to the right."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pad(x, (0, 1, 0, 1))


def _convolution(layer: Any, normalisation: Any) -> nn.Module:
    kernel, stride = layer.kernel_size[0], layer.strides[0]
    weights = [np.asarray(weight) for weight in layer.get_weights()]
    taps = weights[0].transpose(3, 2, 0, 1)
    bias = weights[1] if len(weights) > 1 else np.zeros(len(taps), np.float32)
    if normalisation is not None:
        gain, offset = _normalising(normalisation)
        taps, bias = taps * gain[:, None, None, None], bias * gain + offset
    padding = kernel // 2 if stride == 1 else 0
    copy = nn.Conv2d(taps.shape[1], taps.shape[0], kernel, stride, padding)
    copy.weight.data = torch.from_numpy(np.ascontiguousarray(taps, np.float32))
    copy.bias.data = torch.from_numpy(np.asarray(bias, np.float32))
    if stride == 1:
        return copy
    if (stride, kernel) != (2, 3):
        raise NotImplementedError(f"{layer.name}: stride {stride} with kernel {kernel}")
    return nn.Sequential(_PadEnd(), copy)


def _normalising(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Gain and offset of the layer in inference, in double precision."""
    gamma, beta, mean, variance = (np.asarray(w, np.float64) for w in layer.get_weights())
    gain = gamma / np.sqrt(variance + layer.epsilon)
    return gain, beta - mean * gain


class _Affine(nn.Module):
    """x * gain + offset, with one offset per channel."""

    def __init__(self, gain: Any, offset: Any) -> None:
        super().__init__()
        for name, values in (("gain", gain), ("offset", offset)):
            array = np.atleast_1d(np.asarray(values, np.float32))[:, None, None]
            self.register_buffer(name, torch.from_numpy(array.copy()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gain + self.offset


class _Log(nn.Module):
    """``LogScaling``: log(1 + max(x, 0) / std) - offset."""

    def __init__(self, std: Sequence[float], offset: Sequence[float]) -> None:
        super().__init__()
        for name, values in (("std", std), ("offset", offset)):
            self.register_buffer(name, torch.tensor(values)[:, None, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log1p(F.relu(x) / self.std) - self.offset


class _Upsample(nn.Module):
    """Bilinear, half-pixel centres."""

    def __init__(self, factor: int) -> None:
        super().__init__()
        self.factor = float(factor)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=self.factor, mode="bilinear", align_corners=False)


class _Add(nn.Module):
    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


class _Concatenate(nn.Module):
    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        return torch.cat(parts, 1)


_MODULES: dict[str, Callable[[Any], nn.Module]] = {
    "BatchNormalization": lambda layer: _Affine(*_normalising(layer)),
    "ReLU": lambda layer: nn.ReLU(inplace=False),
    "Activation": lambda layer: {"softplus": nn.Softplus(), "relu": nn.ReLU()}[
        layer.activation.__name__
    ],
    "Add": lambda layer: _Add(),
    "Concatenate": lambda layer: _Concatenate(),
    "Upsample": lambda layer: _Upsample(layer.factor),
    "LogScaling": lambda layer: _Log(layer.std, layer._offset),
    "Rescaling": lambda layer: _Affine(layer.scale, layer.offset),
    "Identity": lambda layer: nn.Identity(),
}
