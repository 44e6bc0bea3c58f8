"""Sums over pixels and steps, in float64, from which the history of a training follows.

Every step gives one vector of sums. They add up over steps, devices and machines, and can be saved
in the middle of an epoch; the metrics follow from the totals. (Keras' metrics keep means in float32
variables: a slide has more pixels than float32 counts.)
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

_PIXELS = ("pixels", "squared_error", "total", "total_square")


def sum_names(losses: Sequence[str]) -> tuple[str, ...]:
    """Names of the sums of a training with these losses, in the order of the vector."""
    return ("patches", *losses, *_PIXELS)


def batch_sums(losses: Mapping[str, Any], target: Any, prediction: Any) -> Any:
    """The sums of one batch, (len(sum_names),) float64.

    Args:
        losses: name: mean over the batch, scalar.
        target, prediction: (N, H, W, outputs), grey levels.
    """
    patches = ops.cast(ops.shape(target)[0], "float64")
    true, pred = ops.cast(target, "float64"), ops.cast(prediction, "float64")
    return ops.stack(
        [
            patches,
            *(patches * ops.cast(value, "float64") for value in losses.values()),
            ops.cast(ops.size(true), "float64"),
            ops.sum(ops.square(pred - true)),
            ops.sum(true),
            ops.sum(ops.square(true)),
        ]
    )


def metrics_of(names: Sequence[str], totals: np.ndarray) -> dict[str, float]:
    """The metrics that follow from the totals.

    Returns:
        The mean over patches of each loss; ``mse`` (grey levels squared); ``r2`` (1 - MSE /
        variance of the target, pooled over all pixels; NaN where the target is constant).
    """
    total = dict(zip(names, totals.tolist(), strict=True))
    patches, pixels = total["patches"], total["pixels"]
    losses = names[1 : -len(_PIXELS)]
    mse = total["squared_error"] / pixels
    variance = total["total_square"] / pixels - (total["total"] / pixels) ** 2
    return {
        **{name: total[name] / patches for name in losses},
        "mse": mse,
        "r2": 1.0 - mse / variance if variance > 0 else float("nan"),
    }
