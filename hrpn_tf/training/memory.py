"""Estimates the memory of a training step from its graph, before any computation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from hrpn_export.cgroup import memory_available
from keras import layers

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.layers import AlignedUpsample, Upsample
from hrpn_tf.models.traffic import SizedCall, sized_calls, tensor_bytes
from hrpn_tf.training.backend import backend

# Fitted to the peak resident memory of training steps; docs/results/accelerator.md has the
# comparison.
_BYTES_PER_CALL = 2_000_000  # of graph and compiled kernels
_GRADIENTS = 4  # of the largest tensor's size, alive at once in the backward pass

_VALUES_PER_WEIGHT = 4  # itself, its gradient, and two moments of the optimizer


@dataclass(frozen=True)
class _Need:
    """Bytes of a training step: ``fixed + patches * per_patch``."""

    fixed: int
    per_patch: int

    def of(self, patches: int) -> int:
        return self.fixed + patches * self.per_patch

    def most(self, available: int) -> int:
        """Patches that fit."""
        return max((available - self.fixed) // self.per_patch, 0)


def training_bytes(
    network: keras.Model,
    side: int,
    batch: int,
    *,
    accumulate: int = 1,
    discriminator: keras.Model | None = None,
) -> int:
    """Estimated memory of a training step, bytes, beyond a process that has loaded TensorFlow.

    The estimate counts the tensors that the backward pass needs, in the type that they are computed
    in; the gradients that exist at the same time; weights, their gradients and the moments of the
    optimizer; and the graph itself. On a CPU this is within 25 % of the peak measured, for the
    presets in float32 and mixed_bfloat16 (``docs/results/accelerator.md``). Prefetched batches do
    not count.

    Args:
        network: in the precision that it is trained in.
        side: height and width of a patch or crop, px.
        batch: patches of one step on one device.
        accumulate: parts that the batch is computed in, one after another.
        discriminator: of an adversarial training; sees measured and predicted targets at once, of
            the size that it was built for.
    """
    return _need(network, side, discriminator).of(-(-batch // accumulate))


def available_bytes() -> int | None:
    """Memory that is available for training, bytes: of the GPU if there is one, else of the host.

    Returns:
        The least over the GPUs that train of what may be allocated there; without a GPU the least
        of what the system calls available and what the control groups (containers, job schedulers)
        leave of their limits. None where the system does not tell.
    """
    if backend.gpu_names():
        return min(backend.free_on_gpus(), default=None)
    return memory_available()


def check_memory(
    network: keras.Model,
    side: int,
    batch: int,
    accumulate: int = 1,
    *,
    discriminator: keras.Model | None = None,
) -> None:
    """Refuse a batch that does not fit; arguments as of :func:`training_bytes`.

    Where the system does not tell how much memory is free, everything is accepted.

    Raises:
        ConfigError: says which batch would fit.
    """
    available = available_bytes()
    if available is None:
        return
    need = _need(network, side, discriminator)
    part = -(-batch // accumulate)
    if need.of(part) > available:
        raise ConfigError(
            f"{_named(batch, side, accumulate)} needs about {_gb(need.of(part))} of memory, and "
            f"{_gb(available)} is free; {_advice(batch, need.most(available))}{_half(network)}"
        )


def explain_exhausted(
    error: Exception,
    network: keras.Model,
    side: int,
    batch: int,
    accumulate: int = 1,
    *,
    discriminator: keras.Model | None = None,
) -> ConfigError:
    """What to raise, in one line, when a device ran out of memory during a step.

    The advice is at most half of what failed; less if the estimate says so.

    Args:
        error: what the framework raised; TensorFlow's names the device.
        network, side, batch, accumulate, discriminator: see :func:`training_bytes`.
    """
    place = re.search(r"device:([CG]PU:\d+)", str(error))
    available = available_bytes()
    most = -(-batch // accumulate) // 2
    if available is not None:
        most = min(most, _need(network, side, discriminator).most(available))
    return ConfigError(
        f"{_named(batch, side, accumulate)} did not fit in the memory of "
        f"{place[1] if place else 'the device'}; {_advice(batch, most)}{_half(network)}"
    )


def no_memory() -> ConfigError:
    """What to raise when a device ran out of memory before the first step."""
    return ConfigError(
        "the free memory of the device does not even hold the network; end the other processes "
        "that nvidia-smi shows, or choose another GPU with CUDA_VISIBLE_DEVICES"
    )


def _named(batch: int, side: int, accumulate: int) -> str:
    parts = f" in {accumulate} parts" if accumulate > 1 else ""
    return f"training.batch_size={batch}{parts} at {side} x {side} px"


def _advice(batch: int, most: int) -> str:
    if most < 1:
        return "not even one patch does; set training.crop to train on smaller squares"
    parts = next(n for n in range(1, batch + 1) if batch % n == 0 and batch // n <= most)
    return (
        f"at most {most} at once would: set that, or training.accumulate={parts} to compute the "
        "batch in parts"
    )


def _half(network: keras.Model) -> str:
    """Advice for a network that is trained in float32."""
    if all(layer.compute_dtype == "float32" for layer in network.layers):
        return "; training.precision=mixed_bfloat16 needs less memory"
    return ""


def _gb(count: int) -> str:
    return f"{count / 1e9:.2g} GB" if count < 10e9 else f"{count / 1e9:.0f} GB"


def _need(network: keras.Model, side: int, discriminator: keras.Model | None) -> _Need:
    fixed, kept, most = _parts(network, side)
    if discriminator is not None:
        more_fixed, more_kept, more_most = _parts(discriminator, _side_of(discriminator, side))
        fixed, kept, most = fixed + more_fixed, kept + 2 * more_kept, max(most, more_most)
    return _Need(fixed, kept + _GRADIENTS * most)


def _side_of(discriminator: keras.Model, side: int) -> int:
    """The side that a discriminator takes: that of the core where crops have context."""
    return int(discriminator.inputs[0].shape[1] or side)


def _parts(model: keras.Model, side: int) -> tuple[int, int, int]:
    """Bytes whatever the batch; bytes kept per patch; bytes of the largest tensor's gradient."""
    calls = sized_calls(model, 1, side, side)
    kept = {key: size for call in calls for key, size in _kept_for_gradient(call)}
    largest = max(tensor_bytes(tensor, "float32") for call in calls for tensor in call.outputs)
    weights = sum(tensor_bytes(weight) for weight in model.weights)
    return len(calls) * _BYTES_PER_CALL + _VALUES_PER_WEIGHT * weights, sum(kept.values()), largest


_NORMALISATIONS = (layers.BatchNormalization, layers.GroupNormalization)
_ACTIVATIONS = (layers.ReLU, layers.LeakyReLU, layers.Activation, layers.Dropout)
_LINEAR = (
    *(layers.Add, layers.Subtract, layers.Average, layers.Concatenate, layers.Identity),
    *(layers.ZeroPadding2D, layers.Cropping2D, layers.UpSampling2D, layers.AveragePooling2D),
    *(layers.Rescaling, Upsample, AlignedUpsample),
)


def _kept_for_gradient(call: SizedCall) -> Iterator[tuple[tuple[int, str], int]]:
    """What the gradient of a call needs: (tensor, type), and its bytes.

    Of a type that is not listed here: all that it takes and gives.
    """
    if isinstance(call.operation, _LINEAR):
        return
    normalises = isinstance(call.operation, _NORMALISATIONS)  # in float32, always
    if not isinstance(call.operation, _ACTIVATIONS):
        for tensor in call.inputs:
            dtype = "float32" if normalises else str(tensor.dtype)
            yield (id(tensor), dtype), tensor_bytes(tensor, dtype)
    if not normalises and not _gives_sums(call.operation):
        for tensor in call.outputs:
            yield (id(tensor), str(tensor.dtype)), tensor_bytes(tensor)


def _gives_sums(operation: Any) -> bool:
    """Whether it is a convolution or dense layer without an activation of its own."""
    return getattr(operation, "activation", None) is keras.activations.linear
