"""When a training has stopped improving."""

from collections.abc import Sequence

import numpy as np

from hrpn_tf.config import TrainingConfig


def smoothed(losses: Sequence[float], over: int) -> np.ndarray:
    """The mean of each ``over`` losses that follow each other, (len(losses) - over + 1,).

    Example:
        >>> smoothed([4.0, 2.0, 3.0, 1.0], 3).tolist()
        [3.0, 2.0]
    """
    if len(losses) < over:
        return np.empty(0)
    return np.lib.stride_tricks.sliding_window_view(np.asarray(losses, float), over).mean(axis=1)


def gave_up(losses: Sequence[float], training: TrainingConfig) -> bool:
    """Whether early stopping ends a training after these validation losses.

    It looks at the mean of the last ``smoothing`` losses: one lucky epoch does not postpone the
    end, and one bad epoch does not bring it about. Which network is kept is another question. All
    epochs are validated on the same patches, so an epoch that is better there is better by itself
    and not by chance of the sample, while a mean would name the last of several networks that may
    differ. The kept one is therefore that of the lowest single loss.

    Args:
        losses: of all epochs so far.
        training: ``early_stopping``, ``smoothing`` and ``least_improvement`` count.
    """
    if training.early_stopping is None:
        return False
    lowest, waited = None, 0
    for loss in smoothed(losses, training.smoothing).tolist():
        if lowest is None or loss < lowest - training.least_improvement * abs(lowest):
            lowest, waited = loss, 0
        else:
            waited += 1
    return waited >= training.early_stopping
