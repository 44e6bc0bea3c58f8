"""The losses that a network can be trained with: one row of a table each.

The configuration, the help of ``hrpn-tf fit`` and the training read ``LOSSES``. To add a loss,
write its function and its row; ``docs/developer/add-a-loss.md`` does it step by step.

This module is below all others and imports Keras only when a loss is computed, so that the
configuration can check names without it. All functions take target and prediction,
(N, H, W, outputs), in units of the network's output, and give the mean over all values.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LossFunction = Callable[[Any, Any], Any]

CHARBONNIER_EPSILON = 0.05  # below this error, in units, the loss is quadratic, above linear
QUASI_POISSON_OFFSET = 0.25  # units; an error at this prediction counts half of one at zero
SSIM_SIDE = 7  # as hrpn-tf evaluate has it
SSIM_RANGE = 10.0  # units that count as the dynamic range: a bright spot of a sparse target


@dataclass(frozen=True)
class Loss:
    """One loss.

    Attributes:
        name: as in ``training.loss`` of the configuration.
        function: takes target and prediction, (N, H, W, outputs) float tensors in units of the
            network's output, and gives their mean loss, a scalar tensor. Lower is better, and 0 is
            a perfect prediction.
        unit: of the value: ``unit`` is one unit of the network's output, by default the standard
            deviation of the training target.
        formula: with e = prediction - target.
        suits: what it is good for.
        source: where the formula comes from; empty for textbook losses.
    """

    name: str
    function: LossFunction
    unit: str
    formula: str
    suits: str
    source: str = ""


def _mse(target: Any, prediction: Any) -> Any:
    from keras import ops

    return ops.mean(ops.square(prediction - target))


def _mae(target: Any, prediction: Any) -> Any:
    from keras import ops

    return ops.mean(ops.absolute(prediction - target))


def _charbonnier(target: Any, prediction: Any) -> Any:
    from keras import ops

    squared = ops.square(prediction - target) + CHARBONNIER_EPSILON**2
    return ops.mean(ops.sqrt(squared)) - CHARBONNIER_EPSILON


def _ssim(target: Any, prediction: Any) -> Any:
    """One minus SSIM with unbiased variances, as scikit-image computes it."""
    from keras import ops

    def window_mean(image: Any) -> Any:
        return ops.average_pool(image, SSIM_SIDE, strides=1, padding="valid")

    count = SSIM_SIDE**2
    unbiased = count / (count - 1)
    mean_t, mean_p = window_mean(target), window_mean(prediction)
    var_t = unbiased * (window_mean(ops.square(target)) - ops.square(mean_t))
    var_p = unbiased * (window_mean(ops.square(prediction)) - ops.square(mean_p))
    both = unbiased * (window_mean(target * prediction) - mean_t * mean_p)
    c1, c2 = (0.01 * SSIM_RANGE) ** 2, (0.03 * SSIM_RANGE) ** 2
    means = (2 * mean_t * mean_p + c1) / (ops.square(mean_t) + ops.square(mean_p) + c1)
    spreads = (2 * both + c2) / (var_t + var_p + c2)
    return 1.0 - ops.mean(means * spreads)


def _quasi_poisson(target: Any, prediction: Any) -> Any:
    """Deviance of two Poisson means, each raised by the offset, times the offset.

    Its slope is that of the squared error, divided by 1 + prediction / offset; below zero it is
    that of the squared error itself.
    """
    from keras import ops

    offset = QUASI_POISSON_OFFSET
    mean, below = ops.relu(prediction), ops.minimum(prediction, 0.0)
    raised = ops.relu(target) + offset
    deviance = 2.0 * (raised * ops.log(raised / (mean + offset)) - target + mean)
    return ops.mean(offset * deviance + below * (below - 2.0 * target))


_ROWS = (
    Loss(
        name="mse",
        function=_mse,
        unit="unit²",
        formula="e²",
        suits="the default; the prediction becomes the mean",
    ),
    Loss(
        name="mae",
        function=_mae,
        unit="unit",
        formula="abs(e)",
        suits="outliers in the target; the prediction becomes the median",
    ),
    Loss(
        name="charbonnier",
        function=_charbonnier,
        unit="unit",
        formula=f"√(e² + ε²) − ε, ε = {CHARBONNIER_EPSILON:g}",
        suits="as `mae`, but smooth at zero",
        source="Charbonnier et al. (1994), IEEE International Conference on Image Processing 2:168",
    ),
    Loss(
        name="ssim",
        function=_ssim,
        unit="1",
        formula=f"1 − SSIM, {SSIM_SIDE} × {SSIM_SIDE} px uniform window",
        suits="local structure; best together with `mse` or `mae`",
        source="Wang et al. (2004), IEEE Transactions on Image Processing 13:600",
    ),
    Loss(
        name="quasi_poisson",
        function=_quasi_poisson,
        unit="unit²",
        formula=f"c × deviance of Poisson means, both raised by c = {QUASI_POISSON_OFFSET:g}",
        suits="sparse targets, whose spread grows with their mean: the brightest pixels count "
        "less, and the mean is still the best answer",
        source="Wedderburn (1974), Biometrika 61:439",
    ),
)

# By name, in the order in which they are listed.
LOSSES = {loss.name: loss for loss in _ROWS}
