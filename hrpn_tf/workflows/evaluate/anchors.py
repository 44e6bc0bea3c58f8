"""Anchors of the predicted slides that are evaluated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hrpn_tf.errors import SlideMismatchError
from hrpn_tf.evaluation import Plane
from hrpn_tf.evaluation.baselines.baselines import WITHOUT_ANCHOR
from hrpn_tf.prediction.anchor import factor_of, stated_anchor
from hrpn_tf.prediction.mask import PolygonMask
from hrpn_tf.slides import SlideInfo
from hrpn_tf.text import markdown


@dataclass(frozen=True)
class PolygonPlane:
    """A bool mask of the size of a slide: inside of polygons."""

    height: int
    width: int
    polygons: PolygonMask

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return np.dtype(bool)

    def read(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        """The window (height, width) whose first pixel is (y, x)."""
        return self.polygons.fill(y, x, height, width)


@dataclass(frozen=True)
class UsedAnchor:
    """The anchor of a predicted slide, from its metadata.

    Attributes:
        factor: what the prediction was multiplied by.
        region: part of the slide that the factor follows from, px of the prediction; None for
            the mean over tissue, or without an anchor.
        mean: measured mean of the target over tissue; None for a region.
    """

    factor: float
    region: PolygonMask | None = None
    mean: float | None = None

    def excluded(self, info: SlideInfo) -> Plane | None:
        """The pixels that must not count; None for none."""
        if self.region is None:
            return None
        return PolygonPlane(info.height, info.width, self.region)


def anchors_of(made: Mapping[str, Mapping[str, Any]]) -> dict[str, UsedAnchor]:
    """The anchors of predictions; empty if none has one.

    Args:
        made: name of a slide: provenance of its prediction.

    Raises:
        SlideMismatchError: the metadata of an anchored prediction cannot be read.
    """
    found = {}
    for name, each in made.items():
        stated, factor = stated_anchor(each), factor_of(each)
        if stated is None:
            continue
        try:
            assert factor is not None
            found[name] = UsedAnchor(factor, _region(stated), stated.get("mean"))
        except Exception:  # noqa: BLE001 (a malformed geometry can raise anything)
            raise SlideMismatchError(
                f"the prediction of {markdown(name)}: what it states of its anchor is damaged; "
                "predict it again with --overwrite"
            ) from None
    return found


def anchor_lines(anchors: Mapping[str, UsedAnchor]) -> str:
    """Markdown that names the anchored predictions; empty if there are none."""
    if not anchors:
        return ""
    lines = []
    for name, anchor in anchors.items():
        how = "the target in a part of the slide, which no figure here counts"
        if anchor.mean is not None:
            how = f"a mean over tissue of {anchor.mean:g}"
        lines.append(f"- {markdown(name)}: times {anchor.factor:.4g}, by {how}.\n")
    return (
        f"\n## Anchor\n\nPredictions were scaled to what was measured. '{WITHOUT_ANCHOR}' is the "
        f"prediction before that, from the same file; the error floor is bounded with it.\n\n"
        f"{''.join(lines)}"
    )


def spatial_anchor_lines(anchors: Mapping[str, UsedAnchor]) -> str:
    """Markdown for the spatial evaluation, which counts all pixels; empty without anchors."""
    if not anchors:
        return ""
    used = [markdown(name) for name, anchor in anchors.items() if anchor.region is not None]
    part = f" The part that scaled {', '.join(used)} is counted here." if used else ""
    return (
        f"\n## Anchor\n\nPredictions of {', '.join(map(markdown, anchors))} were scaled to what "
        f"was measured.{part}\n"
    )


def _region(stated: Mapping[str, Any]) -> PolygonMask | None:
    import shapely

    geometry = stated.get("region_px")
    return None if geometry is None else PolygonMask(shapely.geometry.shape(geometry))
