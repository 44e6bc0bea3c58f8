"""The values of all metrics, computed from sums over pixels."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from hrpn_tf.evaluation.brightest import Brightest
from hrpn_tf.evaluation.histogram import Histogram
from hrpn_tf.evaluation.metrics import METRICS, UndefinedMetricError
from hrpn_tf.evaluation.sums import Sums

# The range of grey levels without the outermost pixels.
PERCENTILES = {"p0.1": 0.1, "p99.9": 99.9}


@dataclass(frozen=True)
class Metrics:
    """The metrics of one view and region.

    Attributes:
        values: name (see ``METRICS``): value, or None where it is undefined.
        undefined: name: why it has no value.
        pixels: pixels that they are computed from.
        columns_constant: image columns without variation, of those in ``r2_per_column``.
        true, predicted: mean, standard deviation (sd), minimum and maximum, grey levels; where
            grey levels were counted, also the percentiles 0.1 and 99.9 (p0.1, p99.9).
        brightest: the brightest pixels; None where errors were not counted by grey level.
    """

    values: dict[str, float | None]
    undefined: dict[str, str]
    pixels: int
    columns_constant: int
    true: dict[str, float]
    predicted: dict[str, float]
    brightest: Brightest | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain values; undefined metrics are null, with the reason beside them."""
        brightest = {} if self.brightest is None else {"brightest": asdict(self.brightest)}
        return {
            "pixels": self.pixels,
            **self.values,
            "undefined": self.undefined,
            "columns_constant": self.columns_constant,
            "true": self.true,
            "predicted": self.predicted,
            **brightest,
        }


def metrics_of(sums: Sums, peak: float | None) -> Metrics:
    """Every metric of ``METRICS`` that follows from the sums.

    Args:
        sums: over the pixels of one view and region.
        peak: grey level of the signal's peak in PSNR and SSIM; None leaves PSNR undefined.

    Example:
        >>> import numpy as np
        >>> from hrpn_tf.evaluation.moments import moments
        >>> pixels = moments(true=np.array([0, 2, 4]), pred=np.array([1, 2, 5]))
        >>> found = metrics_of(Sums(pixels, 0.0, 0, np.zeros(0), 0), peak=255.0)
        >>> found.values["r2"], found.undefined["ssim"]
        (0.75, 'not computed here, or no 7 x 7 px window fits')
    """
    m = sums.moments
    if m.count == 0:
        return Metrics(dict.fromkeys(METRICS), dict.fromkeys(METRICS, "no pixels"), 0, 0, {}, {})
    levels = sums.levels or (None, None)
    values: dict[str, float | None] = {}
    undefined: dict[str, str] = {}
    for name, metric in METRICS.items():
        try:
            values[name] = metric.function(sums, peak)
        except UndefinedMetricError as reason:
            values[name], undefined[name] = None, str(reason)
    return Metrics(
        values,
        undefined,
        m.count,
        sums.columns_constant,
        _range(m.mean_true, m.square_true / m.count, m.min_true, m.max_true, levels[0]),
        _range(m.mean_pred, m.square_pred / m.count, m.min_pred, m.max_pred, levels[1]),
        None if sums.by_level is None else sums.by_level.brightest(),
    )


def _range(
    mean: float, variance: float, low: float, high: float, levels: Histogram | None
) -> dict[str, float]:
    found = {
        "mean": float(mean), "sd": math.sqrt(variance), "min": float(low), "max": float(high)
    }  # fmt: skip
    if levels is not None:
        found |= {name: levels.percentile(share) for name, share in PERCENTILES.items()}
    return found
