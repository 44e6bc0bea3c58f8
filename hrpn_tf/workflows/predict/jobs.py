"""Jobs: checked slides, ready to be predicted by any process."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.errors import PixelSizeError, UsageError
from hrpn_tf.slides.checks import role_channels
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.predict.anchor import area_of
from hrpn_tf.workflows.predict.job import SlideJob, size_of
from hrpn_tf.workflows.predict.network_view import open_in_time, seen_slide
from hrpn_tf.workflows.predict.options import PredictionOptions
from hrpn_tf.workflows.predict.origin import anchor_task, origin_of
from hrpn_tf.workflows.predict.requests import Request
from hrpn_tf.workflows.predict.slide_assessment import assess_slide, tissue_map

if TYPE_CHECKING:
    import numpy as np
    from hrpn_export import Contract, Session

    from hrpn_tf.prediction import (
        Frame,
        PolygonMask,
        SlidePrediction,
        StartedPrediction,
    )
    from hrpn_tf.slides import SlideInfo
    from hrpn_tf.workflows.predict.calibrated_range import RangeWatch

logger = logging.getLogger(__name__)

_SIZE_ROUNDING = 0.01  # of pixel sizes in files
# Share of a process's memory limit for the cache of decoded strips or tiles of the slide.
_CACHE_SHARE, _LEAST_CACHE, _MOST_CACHE = 1 / 16, 16 * 2**20, 128 * 2**20


def check(
    request: Request,
    network: Network,
    contract: "Contract",
    config: Config,
    options: PredictionOptions,
    overwrite: bool,
) -> SlideJob:
    """Check a slide before the network is loaded; see ``predict_run``."""
    from hrpn_tf.prediction import frame_region, input_channels, open_frame
    from hrpn_tf.prediction.output import fitting_format

    _check_place(request, overwrite)
    fitting = fitting_format(config.prediction, request.out)
    config = config.model_copy(update={"prediction": fitting})
    with open_in_time(request.slide, config) as slide:
        info = slide.info
        channels = input_channels(info, contract, request.channels)
        frame = _frame(request, info, contract, config, options)
        _refuse_coarse(network, info, frame)
        size = size_of(open_frame(slide, frame).info)
        region = options.region and frame_region(options.region, info, frame, size)
        if options.mask is not None:
            _check_mask(options.mask, info, frame)
        target = None
        if request.anchor is not None and area_of(request.anchor, info, frame, size) is not None:
            roles = (*contract.inputs, config.data.target)
            target = role_channels(info, roles, request.channels)[-1]
    height, width = size if region is None else (region.height, region.width)
    return SlideJob(
        slide=request.slide.absolute(),
        out=request.out.absolute(),
        network=network.absolute(),
        config=config,
        channels=channels,
        channel_names={
            role: info.channels[i] for role, i in zip(contract.inputs, channels, strict=True)
        },
        frame=frame,
        pixels=height * width,
        region=region,
        mask=None if options.mask is None else options.mask.absolute(),
        anchor=request.anchor,
        target=target,
        reference_levels=contract.reference_levels,
    )


def _frame(
    request: Request,
    info: "SlideInfo",
    contract: "Contract",
    config: Config,
    options: PredictionOptions,
) -> "Frame":
    """The pixels that the network sees of a slide."""
    from hrpn_tf.prediction import choose_frame

    return choose_frame(
        info,
        contract,
        stated_um=_stated(request, info, options),
        tolerance=config.prediction.pixel_size_tolerance,
        resample=config.prediction.resample,
        level=options.level,
    )


def _mask(job: SlideJob, info: "SlideInfo") -> "PolygonMask | None":
    """The outlines to predict; without any, Shapely is not loaded."""
    if job.mask is None:
        return None
    from hrpn_tf.prediction import read_mask

    return read_mask(job.mask, *size_of(info), job.frame.scale)


def _check_mask(mask: Path, info: "SlideInfo", frame: "Frame") -> None:
    """Read the outlines of a mask, and say which of them count."""
    from hrpn_tf.prediction import read_mask

    found = read_mask(mask, *size_of(info), frame.scale)
    logger.info(
        f"{mask}: outlines united: {found.united}; cut out, of QuPath's class Ignore*: "
        f"{found.cut_out}"
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


def _refuse_coarse(network: Network, info: "SlideInfo", frame: "Frame") -> None:
    """Refuse a slide with larger pixels than the network is made for.

    Raises:
        PixelSizeError: states both.
    """
    coarsest, size = network.coarsest(), frame.pixel_size_um / frame.ratio
    if coarsest is not None and size > coarsest * (1 + _SIZE_ROUNDING):
        raise PixelSizeError(
            f"{info.path}: {size:g} um/px, but the network of {network.folder.name} is made for "
            f"pixels of at most {coarsest:g} um"
        )


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
    from hrpn_tf.prediction import SlidePrediction

    cache = _cache_bytes(budget)
    with seen_slide(job, begun, cache) as slide:
        info, normalisation = slide.original.info, slide.normalisation
        means: list[np.ndarray] = []  # kept for reuse, so that the slide is read once
        look = partial(tissue_map, slide.original, job, slide.size, means, normalisation)
        assess = partial(assess_slide, job, session, slide.seen, look, means)
        yield SlidePrediction(
            session=session,
            slide=slide.seen,
            channels=job.channels,
            out=job.out,
            config=job.config.prediction,
            origin=partial(origin_of, job, info, slide.size, normalisation),
            pixel_size_um=job.frame.pixel_size_um,
            region=job.region,
            mask=_mask(job, info),
            find_tissue=look if _may_skip(job) else None,
            cache_bytes=cache,
            observe=None if watch is None else watch.see,
            assess=None if job.profile is None else assess,
            anchor=anchor_task(job, info, slide.stored, slide.size),
        )


def _cache_bytes(budget: int | None) -> int:
    share = _MOST_CACHE if budget is None else int(budget * _CACHE_SHARE)
    return min(max(share, _LEAST_CACHE), _MOST_CACHE)


def _stated(request: Request, info: "SlideInfo", options: PredictionOptions) -> float | None:
    """Pixel size given by the user, or by the run for a slide whose file states none, um."""
    from hrpn_tf.slides import implausible

    stated = info.pixel_size_um is not None and not implausible(info.pixel_size_um)
    return options.pixel_size_um or (None if stated else request.pixel_size_um)


def _may_skip(job: SlideJob) -> bool:
    return job.config.prediction.skip_empty and job.config.data.tissue.method != "all"
