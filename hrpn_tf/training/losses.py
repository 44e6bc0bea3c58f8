"""Losses by name, in units of the target's standard deviation.

A loss in grey levels would make the size of the gradients, and with it the meaning of
``clip_norm``, depend on the exposure of the scanner. Errors are therefore divided by the standard
deviation of the training target; the reported metrics stay in grey levels.
"""

from collections.abc import Callable
from typing import Any

from keras import ops

Loss = Callable[[Any, Any], Any]


def build_loss(name: str, target_scale: float) -> Loss:
    """A loss of (target, prediction), both (N, H, W, outputs) grey levels.

    Args:
        name: ``mse`` (mean squared) or ``mae`` (mean absolute error).
        target_scale: grey levels that count as one unit.

    Returns:
        A function giving the loss per pixel, (N, H, W), which Keras averages.
    """
    measure = {"mse": ops.square, "mae": ops.absolute}[name]

    def loss(target: Any, prediction: Any) -> Any:
        return ops.mean(measure((prediction - target) / target_scale), axis=-1)

    loss.__name__ = name
    return loss
