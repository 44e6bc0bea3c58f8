"""Keras layers for resizing, scaling and intervals that Keras lacks or has in another form.

All take and give NHWC tensors whose height and width may be unknown until they run. They hold no
weights, use Keras operations only (one exception, explained where it is made), and are registered,
so that a saved model loads wherever this module was imported.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

Shape = tuple[int | None, ...]


class _Scaling(keras.layers.Layer):
    """Base of the layers that multiply height and width by one integer factor."""

    def __init__(self, factor: int, **kwargs: Any):
        super().__init__(**kwargs)
        if factor < 1:
            raise ValueError(f"factor must be a positive integer, got {factor}")
        self.factor = int(factor)

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments, for saving."""
        return {**super().get_config(), "factor": self.factor}

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Height and width times the factor."""
        batch, *sides, channels = input_shape
        return (batch, *(None if n is None else n * self.factor for n in sides), channels)


@keras.saving.register_keras_serializable(package="hrpn_tf")
class Upsample(_Scaling):
    """Bilinear upsampling by an even factor, half-pixel centres, edges repeated.

    (N, H, W, C) becomes (N, H * factor, W * factor, C), in the layer's compute type. A pixel's
    value depends on its neighbours only, not on the size of the image, so a tile is upsampled as
    the whole slide is. Interpolation runs in float32 whatever the precision policy: half types
    lose accuracy, and XLA cannot compile a bfloat16 resize. Odd factors are refused because XLA
    (TensorFlow 2.21) gives wrong values for them without a word; Keras uses XLA on a GPU.

    >>> Upsample(2)(keras.ops.reshape([0.0, 4.0], (1, 1, 2, 1)))[0, 0, :, 0].numpy().tolist()
    [0.0, 1.0, 3.0, 4.0]
    """

    def __init__(self, factor: int, **kwargs: Any):
        super().__init__(factor, **kwargs)
        if factor % 2:
            raise ValueError(f"factor must be even, got {factor}")

    def call(self, x: Any) -> Any:
        """Upsample ``x`` (N, H, W, C)."""
        _, height, width, _ = ops.shape(x)
        size = (height * self.factor, width * self.factor)
        return ops.cast(_resize(ops.cast(x, "float32"), size), x.dtype)


def _resize(x: Any, size: tuple[Any, Any]) -> Any:
    if keras.backend.backend() == "tensorflow":
        # keras.ops.image.resize tests `size <= 0` in Python since 3.14, which a tf.function
        # refuses for a size that is a tensor. Other backends have no symbolic sizes.
        import tensorflow as tf

        return tf.image.resize(x, size)
    return ops.image.resize(x, size, interpolation="bilinear")


@keras.saving.register_keras_serializable(package="hrpn_tf")
class AlignedUpsample(_Scaling):
    """Bilinear upsampling by an integer factor with the corner pixels' centres aligned.

    (N, H, W, C) becomes (N, H * factor, W * factor, C). Only ``hrpn-published`` needs it: where
    an output pixel samples the input depends on H and W, so a tile is not upsampled as the whole
    slide is. Separable, hence two products with interpolation matrices, in float32.

    >>> x = keras.ops.reshape([0.0, 3.0], (1, 1, 2, 1))
    >>> AlignedUpsample(2)(x)[0, 0, :, 0].numpy().round(3).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """

    def call(self, x: Any) -> Any:
        """Upsample ``x`` (N, H, W, C)."""
        batch, height, width, channels = ops.shape(x)
        tall, wide = height * self.factor, width * self.factor
        y = ops.reshape(ops.cast(x, "float32"), (batch, height, width * channels))
        y = ops.matmul(_aligned_weights(height, tall), y)
        y = ops.reshape(y, (batch, tall, width, channels))
        return ops.cast(ops.matmul(_aligned_weights(width, wide), y), x.dtype)


def _aligned_weights(source: Any, target: Any) -> Any:
    """Interpolation matrix (target, source): row i holds the weights of output pixel i."""
    steps = ops.cast(ops.maximum(target - 1, 1), "float32")
    positions = ops.arange(target, dtype="float32") * ops.cast(source - 1, "float32") / steps
    distances = ops.abs(positions[:, None] - ops.arange(source, dtype="float32"))
    return ops.maximum(1.0 - distances, 0.0)


@keras.saving.register_keras_serializable(package="hrpn_tf")
class LogScaling(keras.layers.Layer):
    """Grey levels g of each channel to log(1 + g / std) - log(1 + mean / std), in float32.

    Stains differ in gain from slide to slide; after the logarithm a gain is hardly more than an
    offset, and the few bright pixels of a dark slide do not dominate. The mean grey level becomes
    0, so the zero padding of convolutions stands for ordinary tissue. Negative levels count as 0.

    Args:
        mean: mean of each channel, grey levels.
        std: standard deviation of each channel, grey levels, positive.

    >>> LogScaling([0.0], [1.0])(keras.ops.zeros((1, 1, 1, 1))).numpy().item()
    0.0
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], **kwargs: Any):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.mean, self.std = [float(m) for m in mean], [float(s) for s in std]
        self._offset = [math.log1p(m / s) for m, s in zip(self.mean, self.std, strict=True)]

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments, for saving."""
        return {**super().get_config(), "mean": self.mean, "std": self.std}

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """As the input."""
        return input_shape

    def call(self, x: Any) -> Any:
        """Scale ``x`` (N, H, W, C) grey levels."""
        levels = ops.maximum(x, 0.0) / ops.convert_to_tensor(self.std, x.dtype)
        # Not log1p, which ONNX lacks; the values are far above the rounding error of 1 + x.
        return ops.log(1.0 + levels) - ops.convert_to_tensor(self._offset, x.dtype)


@keras.saving.register_keras_serializable(package="hrpn_tf")
class IntervalBounds(keras.layers.Layer):
    """A prediction and what two heads say of its spread to prediction, lower and upper bound.

    Takes [mean (N, H, W, 1) grey levels, spreads (N, H, W, 2) above -1: below, above] and gives
    (N, H, W, 3) grey levels, in float32::

        lower = mean - factor * unit * (1 + below), but not under 0 (nor under a mean that is)
        upper = mean + factor * unit * (1 + above)

    so that lower <= mean <= upper whatever the network computes. The factor is that of the band
    of predicted intensity in which the mean lies: comparisons and sums alone, which every format
    has. It is what a calibration corrects.

    Args:
        unit: grey levels that a spread of 1 stands for, positive.
        edges: between the bands, grey levels, ascending; a mean on an edge lies above it.
        factors: of the bands, one more than the edges, not negative.

    >>> layer = IntervalBounds(2.0, edges=[10.0], factors=[1.0, 3.0])
    >>> mean = keras.ops.reshape([1.0, 10.0], (1, 1, 2, 1))
    >>> bounds = layer([mean, keras.ops.zeros((1, 1, 2, 2))])
    >>> bounds[0, 0].numpy().astype(float).round(2).tolist()
    [[1.0, 0.0, 3.0], [10.0, 3.99, 16.01]]
    """

    # a spread that rounds to 0 could not be widened by any factor
    LEAST = 1e-3

    def __init__(
        self,
        unit: float,
        edges: Sequence[float] = (),
        factors: Sequence[float] = (1.0,),
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.unit = float(unit)
        self.edges, self.factors = [float(e) for e in edges], [float(f) for f in factors]
        if len(self.factors) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges but {len(self.factors)} factors")
        if any(high <= low for low, high in itertools.pairwise(self.edges)):
            raise ValueError(f"edges must ascend, got {self.edges}")
        if not self.unit > 0 or not all(0 <= f < math.inf for f in self.factors):
            raise ValueError(f"unit {self.unit} or factors {self.factors} out of range")

    def get_config(self) -> dict[str, Any]:
        """The layer's arguments, for saving."""
        own = {"unit": self.unit, "edges": self.edges, "factors": self.factors}
        return {**super().get_config(), **own}

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """As the mean, with three channels."""
        return (*input_shape[0][:-1], 3)

    def call(self, inputs: Sequence[Any]) -> Any:
        """Bounds of ``inputs``: mean and spreads."""
        mean, spreads = inputs
        scale, widths = self._scaled(mean), spreads + (1.0 + self.LEAST)
        # nothing is broadcast along the channels, which is slow in most runtimes
        lower = ops.maximum(mean - scale * widths[..., :1], ops.minimum(mean, 0.0))
        return ops.concatenate([mean, lower, mean + scale * widths[..., 1:]], axis=-1)

    def _scaled(self, mean: Any) -> Any:
        """Factor times unit, (N, H, W, 1), or one number where there is one band."""
        scales = [self.unit * factor for factor in self.factors]
        scale: Any = scales[0]
        for edge, (below, above) in zip(self.edges, itertools.pairwise(scales), strict=True):
            scale = scale + (above - below) * ops.cast(mean >= edge, mean.dtype)
        return scale
