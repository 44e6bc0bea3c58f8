"""Sums over pixels and steps, in float64, from which the history of a training follows.

Every step gives one vector of sums. They add up over steps, devices and machines, and can be saved
in the middle of an epoch; the metrics follow from the totals. (Keras' metrics keep means in float32
variables: a slide has more pixels than float32 counts.)

TensorFlow adds the pixels of a step up in float64. JAX has no float64 where the rest is float32; it
gives the sums of each row of pixels, which float32 holds well, and the rows are added up in float64
afterwards (:func:`total_of`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from keras import ops

from hrpn_tf.training.backend import backend

_PIXELS = ("pixels", "squared_error", "total", "total_square")


def sum_names(losses: Sequence[str]) -> tuple[str, ...]:
    """Names of the sums of a training with these losses, in the order of the vector."""
    return ("patches", *losses, *_PIXELS)


def batch_sums(losses: Mapping[str, Any], target: Any, prediction: Any) -> Any:
    """The sums of one batch; :func:`total_of` makes the vector of ``sum_names`` of them.

    Args:
        losses: name: mean over the batch, scalar.
        target, prediction: (N, H, W, outputs), grey levels.

    Returns:
        (patches, losses, 4 x rows): the number of patches, the losses times that, and each sum over
        pixels, in turn, of each row, or of all rows together where float64 adds them up.
    """
    patches = ops.cast(ops.shape(target)[0], backend.SUMS)
    true, pred = ops.cast(target, backend.SUMS), ops.cast(prediction, backend.SUMS)
    values = (ops.ones_like(true), ops.square(pred - true), true, ops.square(true))
    over = (0, 2, 3) if backend.SUMS_BY_ROW else None
    means = [patches * ops.cast(value, backend.SUMS) for value in losses.values()]
    rows = [ops.reshape(ops.sum(value, axis=over), (-1,)) for value in values]
    return ops.concatenate([ops.stack([patches, *means]), *rows])


def total_of(names: Sequence[str], sums: np.ndarray) -> np.ndarray:
    """The vector (len(names),) float64 of what :func:`batch_sums` gave, once or added up.

    >>> total_of(sum_names(["loss"]), np.arange(10.0)).tolist()
    [0.0, 1.0, 5.0, 9.0, 13.0, 17.0]
    """
    heads = len(names) - len(_PIXELS)
    sums = sums.astype(np.float64)
    rows = sums[heads:].reshape(len(_PIXELS), -1)
    return np.concatenate([sums[:heads], rows.sum(axis=1)])


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
