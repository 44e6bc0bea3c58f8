"""Anchors: what was measured of slides, and which slides are scaled together."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.errors import AnchorError, SlideListError, UsageError

if TYPE_CHECKING:
    from hrpn_tf.config import TissueConfig
    from hrpn_tf.prediction import Frame, PolygonMask, Region
    from hrpn_tf.prediction.anchor import BlockMask
    from hrpn_tf.slides import Slide, SlideInfo
    from hrpn_tf.workflows.predict.requests import Request


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


def check_mean(value: float, where: str) -> float:
    """Refuse what no measured mean can be.

    Args:
        value: the mean.
        where: what states it, for the message.

    Raises:
        AnchorError: it is zero, negative or not finite.
    """
    if not (math.isfinite(value) and value > 0):
        raise AnchorError(
            f"{where} {value:g}: an anchor is the measured mean of the target over tissue, a "
            "number above 0"
        )
    return value


def anchored(
    requests: Sequence["Request"], mean: float | None, region: "Region | Path | None"
) -> list["Request"]:
    """The requests with their anchors.

    Args:
        requests: the slides to predict.
        mean: measured mean that the user states for one slide or animal.
        region: part of the only slide whose target was measured.

    Raises:
        AnchorError: the mean is no positive number.
        SlideListError: a list states an anchor for some slides only.
        UsageError: two anchors at once, or one for slides of several animals.
    """
    listed = [each for each in requests if each.anchor is not None]
    stated = {"--anchor": mean, "--anchor-region": region, "the column 'anchor'": listed or None}
    given = [name for name, value in stated.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]}: state one of them")
    if mean is not None:
        check_mean(mean, "--anchor")
        if len(requests) > 1 and (len(_groups(requests)) > 1 or requests[0].group is None):
            raise UsageError(
                f"--anchor {mean:g} is of one animal, for {len(requests)} slides; state the mean "
                "of each animal in a column 'anchor' of a slide list"
            )
        requests = [replace(each, anchor=Anchor(mean)) for each in requests]
    elif region is not None:
        if len(requests) > 1:
            raise UsageError(f"--anchor-region is of one slide, for {len(requests)} slides")
        # absolute for workers, which may work in another folder
        place = region.absolute() if isinstance(region, Path) else region
        requests = [replace(each, anchor=Anchor(region=place)) for each in requests]
    elif listed and len(listed) < len(requests):
        without = next(each for each in requests if each.anchor is None)
        raise SlideListError(
            f"{without.slide}: states no anchor, but {len(listed)} of {len(requests)} slides to "
            "predict do; state it for all of them, or for none"
        )
    return [_with_animal(each, requests) for each in requests]


def _groups(requests: Sequence["Request"]) -> set[str | None]:
    return {each.group for each in requests}


def _with_animal(request: "Request", everything: Sequence["Request"]) -> "Request":
    """The request, whose anchor names all slides of the same animal."""
    if request.anchor is None:
        return request
    outs = [each.out for each in everything if each.group == request.group]
    alone = request.group is None or request.anchor.region is not None
    anchor = replace(
        request.anchor,
        group=request.group or "",
        outs=tuple(path.absolute() for path in ([request.out] if alone else outs)),
    )
    return replace(request, anchor=anchor)


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
