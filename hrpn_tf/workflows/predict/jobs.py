"""Jobs: checked slides, ready to be predicted by any process."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.errors import UsageError
from hrpn_tf.slides.checks import role_channels
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.predict.anchors import Anchor, area_of, statement, tissue_blocks
from hrpn_tf.workflows.predict.normalisation import Normalisation
from hrpn_tf.workflows.predict.options import PredictionOptions
from hrpn_tf.workflows.predict.requests import Request

if TYPE_CHECKING:
    import numpy as np
    from hrpn_export import Contract, Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile
    from hrpn_tf.prediction import (
        Frame,
        Region,
        SlidePrediction,
        StartedPrediction,
        TissueMap,
    )
    from hrpn_tf.prediction.anchor import AnchorSums, AnchorTask
    from hrpn_tf.slides import Slide, SlideInfo
    from hrpn_tf.workflows.predict.calibrated_range import RangeWatch

logger = logging.getLogger(__name__)

# Share of a process's memory limit for the cache of decoded strips or tiles of the slide.
_CACHE_SHARE, _LEAST_CACHE, _MOST_CACHE = 1 / 16, 16 * 2**20, 128 * 2**20


@dataclass(frozen=True)
class SlideJob:
    """A checked slide to predict; can be sent to another process.

    Attributes:
        slide, out: see ``Request``; absolute.
        network: the network.
        config: resolved configuration of the run with the options of this prediction.
        channels: indices in the file, in the contract's order.
        channel_names: names of these channels by role.
        frame: pixel grid of the prediction.
        pixels: number of pixels of the result.
        region: region in px of the frame; None for the whole slide.
        mask: absolute path of a GeoJSON file; None for the whole region.
        profile: profile of the training slides to compare the slide with; None for none.
        anchor: what was measured of the slide; None for nothing.
        target: index in the file of the measured target; None unless a part of it anchors.
        others: sums of the other slides of the same animal.
        hold: keep the prediction unfinished until these are known.
        reference_levels: of the network's contract; None for inputs as stored.
    """

    slide: Path
    out: Path
    network: Network
    config: Config
    channels: tuple[int, ...]
    channel_names: dict[str, str]
    frame: "Frame"
    pixels: int
    region: "Region | None"
    mask: Path | None
    profile: "TrainingProfile | None" = None
    anchor: Anchor | None = None
    target: int | None = None
    others: "tuple[AnchorSums, ...]" = ()
    hold: bool = False
    reference_levels: tuple[tuple[float, float], ...] | None = None


def check(
    request: Request,
    network: Network,
    contract: "Contract",
    config: Config,
    options: PredictionOptions,
    overwrite: bool,
) -> SlideJob:
    """Check a slide before the network is loaded; see ``predict_run``."""
    from hrpn_tf.prediction import choose_frame, frame_region, input_channels, open_frame, read_mask
    from hrpn_tf.prediction.output import fitting_format

    _check_place(request, overwrite)
    prediction = fitting_format(config.prediction, request.out)
    with open_in_time(request.slide, prediction.io_timeout) as slide:
        info = slide.info
        channels = input_channels(info, contract, request.channels)
        frame = choose_frame(
            info,
            contract,
            stated_um=_stated(request, info, options),
            tolerance=prediction.pixel_size_tolerance,
            resample=prediction.resample,
            level=options.level,
        )
        seen = open_frame(slide, frame).info
        size = size_of(seen)
        region = options.region and frame_region(options.region, info, frame, size)
        if options.mask is not None:
            mask = read_mask(options.mask, *size_of(info), frame.scale)
            logger.info(
                f"{options.mask}: outlines united: {mask.united}; cut out, of QuPath's class "
                f"Ignore*: {mask.cut_out}"
            )
        target = None
        if request.anchor is not None and area_of(request.anchor, info, frame, size) is not None:
            roles = (*contract.inputs, config.data.target)
            target = role_channels(info, roles, request.channels)[-1]
    area = size if region is None else (region.height, region.width)
    return SlideJob(
        slide=request.slide.absolute(),
        out=request.out.absolute(),
        network=network.absolute(),
        config=config.model_copy(update={"prediction": prediction}),
        channels=channels,
        channel_names={
            role: info.channels[i] for role, i in zip(contract.inputs, channels, strict=True)
        },
        frame=frame,
        pixels=area[0] * area[1],
        region=region,
        mask=None if options.mask is None else options.mask.absolute(),
        anchor=request.anchor,
        target=target,
        reference_levels=contract.reference_levels,
    )


def with_tile(config: Config, contract: "Contract", network: Network, asked_for: bool) -> Config:
    """Set the tile size of training for a network whose output depends on the tile.

    Args:
        config: configuration of its training.
        contract: contract of the network.
        network: the network, for messages.
        asked_for: whether the user requested the tile size of the configuration.

    Raises:
        UsageError: a halo is requested, which such a network does not have.
    """
    if contract.receptive_field is not None and contract.tile_exact:
        return config
    prediction = config.prediction
    if prediction.halo is not None:
        raise UsageError(
            f"--halo: the network of {network.folder} has no receptive field; leave it out"
        )
    crop = config.training.crop
    tile = (asked_for and prediction.tile) or (crop if isinstance(crop, int) else config.data.patch)
    logger.warning(
        f"the network of {network.folder} depends on its tile: tiles of {tile} px overlap by half "
        "and are blended; faint seams may remain"
    )
    return config.model_copy(update={"prediction": prediction.model_copy(update={"tile": tile})})


def _check_place(request: Request, overwrite: bool) -> None:
    """Refuse a path where the result cannot or must not be written."""
    from hrpn_tf.files import refuse_existing
    from hrpn_tf.prediction.unfinished import Unfinished

    out, slide = request.out, request.slide
    if slide.exists() and out.exists() and out.samefile(slide):
        raise UsageError(f"--out would replace the slide {slide}; name another place")
    if slide.is_dir() and out.resolve().is_relative_to(slide.resolve()):
        raise UsageError(
            f"{out} lies within the slide {slide}, and would be taken for a part of it"
        )
    Unfinished(out).forget_finished()
    refuse_existing(out, overwrite)
    folder = next(parent for parent in out.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(
            f"{out}: nothing can be written to {folder}; name another place with --out"
        )


@contextmanager
def opened(
    job: SlideJob,
    session: "Session",
    budget: int | None,
    watch: "RangeWatch | None" = None,
    begun: "StartedPrediction | None" = None,
) -> Iterator["SlidePrediction"]:
    """Open the slide of a job, and make its prediction.

    Args:
        job: checked job.
        session: session of the job's network.
        budget: memory limit of this process, bytes.
        watch: sees the grey levels of each tile; None for nothing.
        begun: the started prediction, if another process started it.
    """
    from hrpn_tf.prediction import SlidePrediction, open_frame, read_mask
    from hrpn_tf.slides.normalised import NormalisedSlide

    config = job.config.prediction
    cache = _cache_bytes(budget)
    with open_in_time(job.slide, config.io_timeout, cache) as slide:
        info, stored = slide.info, open_frame(slide, job.frame)
        size = size_of(stored.info)
        normalisation, seen = None, stored
        if job.reference_levels is not None:
            normalisation = Normalisation(job, stored, begun)
            seen = NormalisedSlide(stored, normalisation.lines)
        means: list[np.ndarray] = []  # kept for reuse, so that the slide is read once
        look = partial(_tissue, slide, job, size, means, normalisation)
        yield SlidePrediction(
            session=session,
            slide=seen,
            channels=job.channels,
            out=job.out,
            config=config,
            origin=partial(_origin, job, info, size, normalisation),
            pixel_size_um=job.frame.pixel_size_um,
            region=job.region,
            mask=None if job.mask is None else read_mask(job.mask, *size_of(info), job.frame.scale),
            find_tissue=look if _may_skip(job) else None,
            cache_bytes=cache,
            observe=None if watch is None else watch.see,
            assess=None
            if job.profile is None
            else partial(_assess, job, session, seen, look, means),
            anchor=_anchor_task(job, info, stored, size),
        )


def open_in_time(slide: Path, seconds: float, cache_bytes: int | None = None) -> "Slide":
    """Open a slide within a time limit, since a drive may not answer.

    Raises:
        StalledError: it took longer than ``seconds``.
    """
    from hrpn_tf.prediction.queues import within
    from hrpn_tf.slides import open_slide
    from hrpn_tf.slides.planes import CACHE_BYTES

    return within(
        seconds, f"{slide}: opening", lambda: open_slide(slide, cache_bytes or CACHE_BYTES)
    )


def size_of(info: "SlideInfo") -> tuple[int, int]:
    """Height and width, px."""
    return info.height, info.width


def _cache_bytes(budget: int | None) -> int:
    share = _MOST_CACHE if budget is None else int(budget * _CACHE_SHARE)
    return min(max(share, _LEAST_CACHE), _MOST_CACHE)


def _stated(request: Request, info: "SlideInfo", options: PredictionOptions) -> float | None:
    """Pixel size given by the user, or by the run for a slide whose file states none, um."""
    from hrpn_tf.slides import implausible

    stated = info.pixel_size_um is not None and not implausible(info.pixel_size_um)
    return options.pixel_size_um or (None if stated else request.pixel_size_um)


def region_of(job: SlideJob) -> tuple[int, int, int, int] | None:
    """y, x, height, width of the region of a job, px of the frame; None for the whole slide."""
    region = job.region
    return None if region is None else (region.y, region.x, region.height, region.width)


def anchor_statement(
    job: SlideJob, info: "SlideInfo", size: tuple[int, int]
) -> Mapping[str, object] | None:
    """What the result of a job states of its anchor; None without one.

    Args:
        job: checked job.
        info: its slide.
        size: (height, width) of the slide on the grid of the prediction, px.
    """
    if job.anchor is None:
        return None
    target = "" if job.target is None else info.channels[job.target]
    return statement(job.anchor, area_of(job.anchor, info, job.frame, size), target)


def _anchor_task(
    job: SlideJob, info: "SlideInfo", slide: "Slide", size: tuple[int, int]
) -> "AnchorTask | None":
    from hrpn_tf.prediction.anchor import AnchorTask

    if job.anchor is None:
        return None
    config, area = job.config, area_of(job.anchor, info, job.frame, size)
    look = partial(
        tissue_blocks,
        slide,
        job.channels,
        config.data.tissue,
        job.frame.pixel_size_um,
        config.prediction.io_timeout,
    )
    return AnchorTask(
        job.anchor.mean,
        find_tissue=look if area is None else None,
        area=area,
        target=job.target,
        others=job.others,
        hold=job.hold,
    )


def _origin(
    job: SlideJob,
    info: "SlideInfo",
    size: tuple[int, int],
    normalisation: Normalisation | None,
) -> Mapping[str, object]:
    from hrpn_tf.files import sha256
    from hrpn_tf.prediction import prediction_provenance
    from hrpn_tf.prediction.anchor import STATED

    stated = anchor_statement(job, info, size)
    origin = prediction_provenance(
        slide=job.slide,
        files=info.files,
        model=job.network.origin(),
        config=job.config,
        channels=job.channel_names,
        level=job.frame.level,
        region=region_of(job),
        mask=None if job.mask is None else {"file": job.mask.name, "sha256": sha256(job.mask)},
        seconds=job.config.prediction.io_timeout,
    )
    if normalisation is not None:
        origin |= normalisation.to_json()
    return origin if stated is None else {**origin, STATED: stated}


def _tissue(
    slide: "Slide",
    job: SlideJob,
    size: tuple[int, int],
    looked: "list[np.ndarray]",
    normalisation: Normalisation | None,
) -> "TissueMap":
    """Tissue map by the rule that selected training patches.

    Args:
        slide, job: see ``opened``.
        size: (height, width) of the slide on the grid of the prediction, px.
        looked: receives the mean intensities that the map is made from, (h, w, inputs).
        normalisation: of the slide; its background is given as the network sees it.
    """
    from hrpn_tf.data.tissue import is_tissue
    from hrpn_tf.prediction import find_tissue
    from hrpn_tf.prediction.reading import TimedReads

    def classify(means: "np.ndarray") -> "np.ndarray":
        looked.append(means)
        return is_tissue(means.mean(axis=-1), job.config.data.tissue)

    slow = TimedReads(slide, job.config.prediction.io_timeout)
    found = find_tissue(slow, job.channels, size, classify)
    if normalisation is None:
        return found
    lines = normalisation.lines()
    pairs = zip(found.background, (lines[i] for i in job.channels), strict=True)
    return replace(found, background=tuple(g * level + o for level, (g, o) in pairs))


def _assess(
    job: SlideJob,
    session: "Session",
    slide: "Slide",
    look: "Callable[[], TissueMap]",
    looked: "list[np.ndarray]",
    tissue: "TissueMap | None",
) -> Mapping[str, object]:
    """Compare the slide with the training slides.

    Args:
        job, session: see ``opened``.
        slide: the slide on the grid of the prediction.
        look: makes the tissue map.
        looked: mean intensities that the tissue map was made from.
        tissue: the tissue map, if it is made already.
    """
    from hrpn_tf.prediction import Region
    from hrpn_tf.prediction.reading import TimedReads
    from hrpn_tf.workflows.predict.out_of_distribution import assess, coarse_tissue

    assert job.profile is not None
    coarse = None
    if job.config.data.tissue.method != "all":
        tissue = tissue or look()
        coarse = coarse_tissue(
            looked.pop(), tissue.scale, job.frame.pixel_size_um, job.config.data.tissue
        )
    timed = TimedReads(slide, job.config.prediction.io_timeout)
    area = job.region or Region(0, 0, *size_of(slide.info))
    return assess(job.profile, session, timed, job.channels, area, coarse)


def _may_skip(job: SlideJob) -> bool:
    return job.config.prediction.skip_empty and job.config.data.tissue.method != "all"
