"""How the channels of a slide are shown at first: colours, and ranges of grey levels."""

from collections.abc import Sequence

import numpy as np

from hrpn_tf.slides.description import ChannelDisplay, Planes
from hrpn_tf.slides.roles import suggested_role

# Of bright colours that stay apart where they overlap; the target's is taken by the prediction.
_INPUTS = {"nuclei": "4060FF", "vessels": "00E64D"}
_OTHERS = ("00C8FF", "E6E600", "C8C8C8", "B464FF")
PREDICTION, LOWER, UPPER = "FF5A14", "FFB4DC", "FF00B4"
_SPOTS, _SPOT = 8, 128  # windows along a side, and their sides, px, that display ranges are from
_SHOWN = (1.0, 99.8)  # percentiles that are black and full colour


def input_colours(roles: Sequence[str]) -> list[str]:
    """A colour for each channel by its role or name, as six hexadecimal digits.

    Example:
        >>> input_colours(["CD31", "DAPI", "collagen"])
        ['00E64D', '4060FF', '00C8FF']
    """
    others = iter(_OTHERS * (1 + len(roles)))
    return [_INPUTS.get(suggested_role(role) or role) or next(others) for role in roles]


def prediction_displays(channels: int, limits: tuple[float, float]) -> tuple[ChannelDisplay, ...]:
    """How a prediction and its bounds are shown; bounds have its range, and are hidden at first.

    Args:
        channels: their number: the prediction, then its bounds.
        limits: grey levels that are shown black and in full colour.
    """
    bounds = (LOWER, UPPER)
    found = [ChannelDisplay(PREDICTION, *limits)]
    for index in range(channels - 1):
        found.append(ChannelDisplay(bounds[index % len(bounds)], *limits, visible=False))
    return tuple(found)


def display_range(planes: Planes, channel: int) -> tuple[float, float]:
    """Grey levels that are shown black and in full colour; of a large slide, of spread windows.

    The 1 % and 99.8 % percentiles; where they are equal, the smallest and largest value.
    """
    height, width = planes.height, planes.width
    if height * width <= (_SPOTS * _SPOT) ** 2:
        values = planes.read(channel, 0, 0, height, width).ravel()
    else:
        h, w = min(_SPOT, height), min(_SPOT, width)
        spots = [(y, x) for y in _starts(height) for x in _starts(width)]
        values = np.concatenate([planes.read(channel, y, x, h, w).ravel() for y, x in spots])
    low, high = (float(value) for value in np.percentile(values, _SHOWN))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1.0


def _starts(length: int) -> list[int]:
    last = max(0, length - _SPOT)
    return sorted({round(last * number / max(1, _SPOTS - 1)) for number in range(_SPOTS)})
