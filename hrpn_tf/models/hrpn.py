"""The networks hrpn-s, hrpn-m and hrpn-l: faster networks derived from the published HRPN.

Like the published network, they have parallel branches of several resolutions, which are fused
repeatedly. The published network works at a quarter of the resolution, spends 59 % of its
operations in the head, and aligns corners when it resizes. Here a thin branch keeps full resolution
from the first layer to the last, the head is one convolution, and every resize has half-pixel
centres, so that a tile gives the same result as the whole slide. See ``docs/reference/models.md``.
"""

from collections.abc import Sequence
from typing import Any

from keras import layers

from hrpn_tf.models.layers import Upsample


def hrpn(x: Any, outputs: int, *, widths: Sequence[int], inner: int = 2) -> Any:
    """Build the network on scaled inputs.

    Branch k works at 1 / 2**k of the resolution. All branches are opened from the finest to the
    coarsest; they are then fused upwards and downwards among branches ``inner`` and coarser,
    where context is cheap, and once more upwards to full resolution.

    Args:
        x: (N, H, W, inputs), H and W multiples of ``2 ** (len(widths) - 1)``.
        outputs: number of output channels.
        widths: channels of each branch, finest first.
        inner: the finest branch that takes part in the first round of fusion.

    Returns:
        (N, H, W, outputs) float32, never negative, in units of the target's scale.
    """
    branches = [_convolve(x, widths[0])]
    for width in widths[1:]:
        branches.append(_convolve(branches[-1], width, stride=2))
    branches[-1] = _refine(branches[-1])
    branches = _fuse_down(_fuse_up(branches, to=inner), start=inner)
    branches[-1] = _refine(branches[-1])
    full = _fuse_up(branches, to=0)[0]
    y = layers.Conv2D(outputs, 1, dtype="float32", name="head")(full)
    return layers.Activation("softplus", dtype="float32", name="not_negative")(y)


def _fuse_up(branches: Sequence[Any], to: int) -> list[Any]:
    """Add to every branch from the second coarsest to ``to`` the features of the coarser one.

    At full resolution the two are added, which halves the cost of the most expensive convolution;
    elsewhere they are concatenated.
    """
    fused = list(branches)
    for k in range(len(fused) - 2, to - 1, -1):
        width = fused[k].shape[-1]
        coarser = Upsample(2)(_convolve(fused[k + 1], width, kernel=1))
        join = layers.Add() if k == 0 else layers.Concatenate()
        fused[k] = _convolve(join([fused[k], coarser]), width)
    return fused


def _fuse_down(branches: Sequence[Any], start: int) -> list[Any]:
    """Add to every branch coarser than ``start`` the features of the finer one."""
    fused = list(branches)
    for k in range(start + 1, len(fused)):
        finer = _convolve(fused[k - 1], fused[k].shape[-1], stride=2, activate=False)
        fused[k] = layers.ReLU()(layers.Add()([fused[k], finer]))
    return fused


def _refine(x: Any) -> Any:
    """One residual convolution."""
    y = _convolve(x, x.shape[-1], activate=False)
    return layers.ReLU()(layers.Add()([x, y]))


def _convolve(
    x: Any, width: int, *, kernel: int = 3, stride: int = 1, activate: bool = True
) -> Any:
    """Convolution, batch normalisation and, unless told otherwise, ReLU."""
    x = layers.Conv2D(
        width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    # Momentum for trainings of a few thousand steps rather than of the usual hundred thousand.
    x = layers.BatchNormalization(momentum=0.97)(x)
    return layers.ReLU()(x) if activate else x
