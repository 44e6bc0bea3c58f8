"""Summaries of predicted slides in one line."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.workflows.predict.out_of_distribution import KEY

if TYPE_CHECKING:
    from hrpn_tf.prediction import PredictionSummary


logger = logging.getLogger(__name__)

_COARSE = 10  # grey levels: less than that is hardly a picture in whole numbers


def describe(summary: "PredictionSummary") -> str:
    """Size, time, tiles, memory and seam errors of a prediction."""
    tiling = summary.tiling
    region, rate = tiling.region, summary.pixels / 1e6 / summary.seconds
    parts = [
        f"{summary.path}: {region.height} x {region.width} px in {summary.seconds:.1f} s, "
        f"{rate:.2f} Mpx/s ({summary.session_seconds / summary.seconds:.0%} in the network)"
    ]
    if summary.computed < summary.blocks:
        parts.append(f"{summary.blocks - summary.computed} of {summary.blocks} blocks were there")
    halo = "overlapping by half, blended" if tiling.blended else f"halo {tiling.halo} px"
    parts.append(f"tiles of {tiling.shape[0]} x {tiling.shape[1]} px, {halo}")
    if summary.symmetries:
        parts.append("mean of the 8 orientations of each tile")
    if summary.anchored is not None:
        found = summary.anchored
        parts.append(
            f"anchored: times {found['factor']:.4g}, mean before {found['mean_before']:.4g}"
        )
    if summary.seams is not None:
        parts.append(
            f"seam error up to {summary.seams['largest']:.2g} grey levels, mean "
            f"{summary.seams['mean']:.2g}, since the halo is smaller than the receptive field"
        )
    if likeness := summary.assessed.get(KEY, {}):
        parts += _likeness(likeness)
    if summary.peak_bytes is not None:
        parts.append(f"{summary.peak_bytes / 1e9:.2f} GB of memory at most")
    return "; ".join(parts)


def warn_of_lost_values(summary: "PredictionSummary", dtype: str) -> None:
    """Warn if an anchored result does not fit into the type that it is stored in, or hardly shows.

    Args:
        summary: of the prediction.
        dtype: type of the result.
    """
    if summary.anchored is None or dtype == "float32":
        return
    limit = np.iinfo(dtype).max
    largest = summary.anchored["of_this_slide"]["largest"] * summary.anchored["factor"]
    if largest > limit + 0.5:
        logger.warning(
            f"{summary.path}: reaches {largest:.4g} after it was anchored, and is clipped at "
            f"{limit}, the limit of {dtype}; predict with --dtype float32"
        )
    elif largest < _COARSE:
        logger.warning(
            f"{summary.path}: reaches only {largest:.2g} after it was anchored, and is rounded to "
            f"whole numbers in {dtype}; predict with --dtype float32"
        )


def _likeness(found: Mapping[str, Any]) -> list[str]:
    """How like the training slides a slide is, and how little few of them can tell."""
    caution = found.get("caution", "")
    if found["score"] is None:
        return [caution] if caution else []
    if found["out_of_distribution"]:
        return [f"unlike the training slides (score {found['score']:.2g}, limit 1)"]
    text = f"like the training slides (score {found['score']:.2g}, limit 1)"
    return [f"{text}: {caution}" if caution else text]


def describe_batch(slides: int, pixels: int, seconds: float) -> str:
    """Number of finished slides, and the amount and speed of the computation.

    >>> describe_batch(3, 12_000_000, 30)
    '3 slides done: 12.0 Mpx computed in 30.0 s, 0.40 Mpx/s'
    """
    computed, rate = pixels / 1e6, pixels / 1e6 / seconds
    return f"{slides} slides done: {computed:.1f} Mpx computed in {seconds:.1f} s, {rate:.2f} Mpx/s"
