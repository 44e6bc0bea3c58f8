"""The loss of a training: a weighted sum of named losses, in units of the network's output.

A loss in grey levels would make the size of the gradients, and with it the meaning of
``clip_norm``, depend on the exposure of the scanner. Errors are therefore divided by one unit of
the network's output; the reported metrics stay in grey levels.
"""

from collections.abc import Mapping
from typing import Any

from hrpn_tf.losses import LOSSES, LossFunction


def build_loss(parts: Mapping[str, float], unit: float) -> LossFunction:
    """The weighted sum of named losses of target and prediction.

    Args:
        parts: name of a loss in :data:`hrpn_tf.losses.LOSSES`: its weight, 0 or more.
        unit: grey levels that count as one.

    Returns:
        A function of target and prediction, both (N, H, W, outputs) in grey levels, that gives
        the mean loss, a float32 scalar.

    Example:
        >>> import numpy as np
        >>> loss = build_loss({"mse": 1.0, "mae": 0.5}, unit=10.0)
        >>> target = np.zeros((1, 4, 4, 1), np.float32)
        >>> round(float(loss(target, target + 20)), 3)  # 2 units: 2² + 0.5 x 2
        5.0
    """

    def loss(target: Any, prediction: Any) -> Any:
        target, prediction = target / unit, prediction / unit
        return sum(
            weight * LOSSES[name].function(target, prediction)
            for name, weight in parts.items()
            if weight
        )

    return loss
