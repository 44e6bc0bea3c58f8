"""Summaries of predicted slides in one line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hrpn_tf.workflows.predict.out_of_distribution import KEY

if TYPE_CHECKING:
    from hrpn_tf.prediction import PredictionSummary


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


def _likeness(found: Mapping[str, Any]) -> list[str]:
    """How like the training slides a slide is, and how little few of them can tell."""
    caution = found.get("caution", "")
    if found["score"] is None:
        return [caution] if caution else []
    if found["out_of_distribution"]:
        return [f"unlike the training slides (score {found['score']:.2g}, limit 1)"]
    text = f"like the training slides (score {found['score']:.2g}, limit 1)"
    return [f"{text}: {caution}" if caution else text]


def describe_cohort(slides: int, pixels: int, seconds: float) -> str:
    """Number of finished slides, and the amount and speed of the computation.

    >>> describe_cohort(3, 12_000_000, 30)
    '3 slides done: 12.0 Mpx computed in 30.0 s, 0.40 Mpx/s'
    """
    computed, rate = pixels / 1e6, pixels / 1e6 / seconds
    return f"{slides} slides done: {computed:.1f} Mpx computed in {seconds:.1f} s, {rate:.2f} Mpx/s"
