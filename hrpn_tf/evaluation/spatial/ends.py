"""The ends of the interval of a length, in words: of some is only known that they are farther."""

from collections.abc import Callable, Mapping
from typing import Any

# where an end that is not known lies
ENDS = ABOVE, BELOW = "high_above_um", "low_below_um"


def ends_in_words(found: Mapping[str, Any], show: Callable[[float], str]) -> str | None:
    """The interval of an estimate of ``spatial.json``, as "2.0 to 3.0"; None if it has none.

    Args:
        found: the estimate. An end of its "interval" is None where it is out of reach; what it is
            above or below then stands in "high_above_um" or "low_below_um".
        show: a number as text.

    Example:
        >>> ends_in_words({"interval": [40.0, None], "high_above_um": 98.5}, "{:.1f}".format)
        '40.0 to > 98.5'
    """
    if found.get("interval") is None:
        return None
    low, high = found["interval"]
    first = f"< {show(found[BELOW])}" if low is None else show(low)
    last = f"> {show(found[ABOVE])}" if high is None else show(high)
    return f"{first} to {last}"
