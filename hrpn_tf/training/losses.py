"""Losses by name, in units of the network's output.

A loss in grey levels would make the size of the gradients, and with it the meaning of
``clip_norm``, depend on the exposure of the scanner. Errors are therefore divided by one unit of
the network's output; the reported figures stay in grey levels.
"""

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

Loss = Callable[[Any, Any], Any]

CHARBONNIER_EPSILON = 0.05  # below this error, in units, the loss is quadratic, above linear
QUASI_POISSON_OFFSET = 0.25  # units; an error at this prediction counts half of one at zero
SSIM_SIDE = 7  # as hrpn-tf evaluate has it
SSIM_RANGE = 10.0  # units that count as the dynamic range: a bright spot of a sparse target


def build_loss(parts: Mapping[str, float], unit: float) -> Loss:
    """The weighted sum of named losses of (target, prediction), both (N, H, W, outputs).

    Args:
        parts: weight of each name: ``mse`` (mean squared), ``mae`` (mean absolute),
            ``charbonnier`` (sqrt(e^2 + eps^2) - eps, Charbonnier et al. 1994), ``ssim`` (1 -
            structural similarity, Wang et al. 2004, 7 x 7 px uniform window) and
            ``quasi_poisson`` (an error counts the less, the brighter the prediction, and the mean
            of the target is still the best answer, Wedderburn 1974: for sparse targets, whose
            spread grows with their mean).
        unit: grey levels that count as one.

    Returns:
        A function giving the mean loss, float32 scalar.
    """

    def loss(target: Any, prediction: Any) -> Any:
        target, prediction = target / unit, prediction / unit
        return sum(
            weight * _LOSSES[name](target, prediction) for name, weight in parts.items() if weight
        )

    return loss


def _mse(target: Any, prediction: Any) -> Any:
    return ops.mean(ops.square(prediction - target))


def _quasi_poisson(target: Any, prediction: Any) -> Any:
    """Deviance of two Poisson means, each raised by the offset, times the offset.

    Its slope is that of the squared error, divided by 1 + prediction / offset; below zero it is
    that of the squared error itself.
    """
    offset = QUASI_POISSON_OFFSET
    mean, below = ops.relu(prediction), ops.minimum(prediction, 0.0)
    raised = ops.relu(target) + offset
    deviance = 2.0 * (raised * ops.log(raised / (mean + offset)) - target + mean)
    return ops.mean(offset * deviance + below * (below - 2.0 * target))


def _mae(target: Any, prediction: Any) -> Any:
    return ops.mean(ops.absolute(prediction - target))


def _charbonnier(target: Any, prediction: Any) -> Any:
    squared = ops.square(prediction - target) + CHARBONNIER_EPSILON**2
    return ops.mean(ops.sqrt(squared)) - CHARBONNIER_EPSILON


def _ssim(target: Any, prediction: Any) -> Any:
    """With unbiased variances, as scikit-image has it."""
    count = SSIM_SIDE**2
    unbiased = count / (count - 1)
    mean_t, mean_p = _window_mean(target), _window_mean(prediction)
    var_t = unbiased * (_window_mean(ops.square(target)) - ops.square(mean_t))
    var_p = unbiased * (_window_mean(ops.square(prediction)) - ops.square(mean_p))
    both = unbiased * (_window_mean(target * prediction) - mean_t * mean_p)
    c1, c2 = (0.01 * SSIM_RANGE) ** 2, (0.03 * SSIM_RANGE) ** 2
    means = (2 * mean_t * mean_p + c1) / (ops.square(mean_t) + ops.square(mean_p) + c1)
    spreads = (2 * both + c2) / (var_t + var_p + c2)
    return 1.0 - ops.mean(means * spreads)


def _window_mean(image: Any) -> Any:
    return ops.average_pool(image, SSIM_SIDE, strides=1, padding="valid")


_LOSSES = {
    "mse": _mse,
    "mae": _mae,
    "charbonnier": _charbonnier,
    "ssim": _ssim,
    "quasi_poisson": _quasi_poisson,
}
