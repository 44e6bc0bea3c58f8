"""Determine the slides to predict, and the paths of their results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.errors import UsageError
from hrpn_tf.kinds import LISTS
from hrpn_tf.runs.slides import (
    RunSlide,
    choose_slides,
    listed_slides,
    prediction_path,
)
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.predict.anchor import Anchor
from hrpn_tf.workflows.predict.options import PredictionOptions


@dataclass(frozen=True)
class Request:
    """Request to predict one slide.

    Attributes:
        slide: file or folder.
        out: path of the prediction.
        channels: channel name or index in the file, by role.
        pixel_size_um: um per pixel recorded in the run, for a slide whose file states none.
        group: the animal, of a slide of a list; None for other slides.
        anchor: what was measured of the slide; None for nothing.
    """

    slide: Path
    out: Path
    channels: Mapping[str, str | int]
    pixel_size_um: float | None
    group: str | None = None
    anchor: Anchor | None = None


def requests(
    slides: Sequence[Path],
    network: Network,
    config: Config,
    out: Path | None,
    options: PredictionOptions,
) -> list[Request]:
    """The slides to predict, with the paths of their results; see ``predict_run``.

    Raises:
        UsageError: two results with the same name, one file for several slides, a channel for an
            input that the network does not have, or groups of a slide that is in no list.
    """
    from hrpn_tf.prediction.output import FILE_SUFFIXES, suffix_of
    from hrpn_tf.slides.names import slide_name

    channels = options.channels
    _refuse_unknown_roles(channels, config, options)
    plain = [path for path in slides if path.suffix.lower() not in LISTS]
    lists: list[Path | None] = [path for path in slides if path.suffix.lower() in LISTS]
    if options.groups and plain:
        raise UsageError(f"--group: is for slide lists; {plain[0]} is a slide, and of no group")
    if not slides:
        lists = [None]
    folder = out or network.default_out
    if folder is None:
        raise UsageError(
            f"{network.folder}: a bundle is not written into; name a folder with --out"
        )
    suffix = suffix_of(config.prediction)
    found = [
        Request(
            path,
            prediction_path(folder, slide_name(path), suffix),
            {**config.data.channels, **channels},
            None,
        )
        for path in plain
    ]
    for path in lists:
        all_slides = _slides_of(network, config, path)
        found += [
            Request(
                slide.path,
                prediction_path(folder, slide.name, suffix),
                {**slide.channels, **channels},
                slide.pixel_size_um,
                slide.group,
                None if slide.anchor is None else Anchor(slide.anchor),
            )
            for slide in choose_slides(all_slides, options.groups, str(path or network.folder))
        ]
    one = out is not None and out.suffix.lower() in FILE_SUFFIXES
    return _one_file(found, out) if one and out is not None else _distinct(found)


def _slides_of(network: Network, config: Config, path: Path | None) -> tuple[RunSlide, ...]:
    if path is not None:
        return listed_slides(path, config, network.subsets())
    return network.default_slides(config)


def _refuse_unknown_roles(
    channels: Mapping[str, str | int], config: Config, options: PredictionOptions
) -> None:
    # the target is read only where the prediction is anchored by a part of it
    target = () if options.anchor_region is None else (config.data.target,)
    for role, name in channels.items():
        if role not in (*config.data.inputs, *target):
            raise UsageError(
                f"--channel {role}={name}: the model has no input {role}; its inputs are "
                f"{', '.join(config.data.inputs)}"
            )


def _one_file(requests: list[Request], out: Path) -> list[Request]:
    if len(requests) != 1:
        raise UsageError(f"--out {out} is one file, for {len(requests)} slides; name a folder")
    return [replace(requests[0], out=out)]


def _distinct(requests: list[Request]) -> list[Request]:
    seen: dict[Path, Path] = {}
    for request in requests:
        if request.out in seen:
            raise UsageError(
                f"{seen[request.out]} and {request.slide} would both be written to {request.out}; "
                "predict them into different folders, or name them in a slide list"
            )
        seen[request.out] = request.slide
    return requests
