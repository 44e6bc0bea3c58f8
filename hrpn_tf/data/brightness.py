"""How much brighter some slides of a patch dataset are than others."""

import math
from collections.abc import Mapping, Sequence
from statistics import median

from hrpn_tf.data.manifest import SlideRecord

_LEAST = 0.1  # smaller differences are within what slides of one stain scatter by
_MOST = 0.95  # of a gain, which stays above 0
_STEP = 0.05


def brightness_ranges(
    slides: Sequence[SlideRecord], roles: Sequence[str]
) -> dict[str, tuple[float, float]]:
    """The least and the largest mean over tissue, as multiples of the median slide's.

    Args:
        slides: at least one.
        roles: of inputs.

    Returns:
        By role; left out where the median is not positive.
    """
    found = {}
    for role in roles:
        means = [slide.moments[role].mean for slide in slides]
        middle = median(means)
        if middle > 0:
            found[role] = (min(means) / middle, max(means) / middle)
    return found


def jitter_over(ranges: Mapping[str, tuple[float, float]]) -> float | None:
    """The ``data.augmentation.gain_jitter`` that covers some ranges; None if none does.

    Example:
        >>> jitter_over({"vessels": (0.72, 1.4), "nuclei": (0.9, 1.1)})
        0.4
        >>> jitter_over({"vessels": (0.2, 3.5)})
    """
    jitter = round(math.ceil(round(_reach(ranges) / _STEP, 6)) * _STEP, 2)
    return jitter if jitter <= _MOST else None


def are_alike(ranges: Mapping[str, tuple[float, float]]) -> bool:
    """Whether slides differ by no more than slides of one stain do.

    Example:
        >>> are_alike({"vessels": (0.95, 1.08)})
        True
    """
    return _reach(ranges) < _LEAST


def _reach(ranges: Mapping[str, tuple[float, float]]) -> float:
    return max((max(1 - low, high - 1) for low, high in ranges.values()), default=0.0)
