"""Anchors of the slides that are predicted, and which slides are scaled together."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.errors import AnchorError, SlideListError, UsageError
from hrpn_tf.workflows.predict.anchor import Anchor
from hrpn_tf.workflows.predict.requests import Request

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region


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
    requests: Sequence[Request], mean: float | None, region: "Region | Path | None"
) -> list[Request]:
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


def _groups(requests: Sequence[Request]) -> set[str | None]:
    return {each.group for each in requests}


def _with_animal(request: Request, everything: Sequence[Request]) -> Request:
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
