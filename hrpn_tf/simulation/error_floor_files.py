"""The error floor of simulated slides, read from the reports that lie beside them."""

import math
from pathlib import Path

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.names import slide_name
from hrpn_tf.untrusted import read_json

TRUTH = "truth"


def read_error_floor(slide: Path, true_sd: float) -> float | None:
    """The least mean squared error that any function of the inputs can reach, grey levels^2.

    Args:
        slide: of which the report is ``truth/NAME.json`` in the same folder.
        true_sd: standard deviation of the measured target, grey levels; a report of another
            variance is of another slide.

    Returns:
        None where there is no such report.
    """
    report = slide.parent / TRUTH / f"{slide_name(slide)}.json"
    try:
        errors = read_json(report, SlideFormatError)["errors"]["slide"]
        floor, variance = float(errors["error_floor"]), float(errors["target_variance"])
    except (SlideFormatError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return floor if math.isclose(variance, true_sd**2, rel_tol=1e-4) else None
