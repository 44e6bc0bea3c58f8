"""What was measured of a slide, to scale its prediction to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrpn_tf.config import TissueConfig
    from hrpn_tf.prediction import Frame, PolygonMask, Region
    from hrpn_tf.prediction.anchor import BlockMask
    from hrpn_tf.slides import Slide, SlideInfo


@dataclass(frozen=True)
class Anchor:
    """What was measured of a slide.

    Attributes:
        mean: measured mean of the target over the tissue of the animal; None for a region.
        region: part of the slide whose target was measured, px at full resolution, or a GeoJSON
            file with its outlines; None for a mean.
        group: the animal; empty for a slide without one.
        outs: paths of the results of all slides of the animal, in their order.
    """

    mean: float | None = None
    region: "Region | Path | None" = None
    group: str = ""
    outs: tuple[Path, ...] = ()

    @property
    def is_shared(self) -> bool:
        """Whether several slides are scaled together."""
        return len(self.outs) > 1


def area_of(
    anchor: Anchor, info: "SlideInfo", frame: "Frame", size: tuple[int, int]
) -> "PolygonMask | None":
    """The part of a slide whose target was measured, px of the frame; None for the tissue.

    Args:
        anchor: the anchor.
        info: the slide.
        frame: pixel grid of the prediction.
        size: (height, width) of the slide on that grid, px.

    Raises:
        RegionError, MaskError: it does not lie on the slide.
    """
    import shapely

    from hrpn_tf.prediction import PolygonMask, frame_region, read_mask

    if anchor.region is None:
        return None
    if isinstance(anchor.region, Path):
        return read_mask(anchor.region, info.height, info.width, frame.scale)
    part = frame_region(anchor.region, info, frame, size)
    return PolygonMask(shapely.box(part.x, part.y, part.x + part.width, part.y + part.height))


def statement(anchor: Anchor, area: "PolygonMask | None", target: str) -> dict[str, Any]:
    """What is stated of an anchor in the metadata of the result.

    Args:
        anchor: the anchor.
        area: see :func:`area_of`.
        target: name of the channel of the measured target.
    """
    import shapely

    if area is not None:
        geometry = shapely.geometry.mapping(area.area)
        return {"over": "region", "target": target, "region_px": _plain(geometry)}
    values: dict[str, Any] = {"over": "tissue", "mean": anchor.mean}
    if anchor.is_shared:
        values |= {"group": anchor.group, "slides": sorted(path.name for path in anchor.outs)}
    return values


def _plain(value: Any) -> Any:
    """Tuples as lists, as JSON reads them back."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def tissue_blocks(
    slide: "Slide",
    channels: tuple[int, ...],
    config: "TissueConfig",
    pixel_size_um: float,
    seconds: float,
) -> "BlockMask":
    """The tissue of a slide, by the rule and at the resolution of ``prepare`` and ``evaluate``.

    Args:
        slide: the slide on the grid of the prediction.
        channels: indices of the inputs.
        config: tissue configuration of the training.
        pixel_size_um: um per pixel of the prediction.
        seconds: longest wait for a window, s.
    """
    from hrpn_tf.data.tissue import block_side, read_tissue
    from hrpn_tf.prediction.anchor import BlockMask
    from hrpn_tf.prediction.reading import TimedReads

    side = block_side(config.scale_um, pixel_size_um)
    return BlockMask(read_tissue(TimedReads(slide, seconds), channels, side, config), side)
