"""Predict and score slides one at a time, to calibrate or to measure prediction intervals."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.errors import ConstantTargetError, NonFinitePixelsError, NoTissueError
from hrpn_tf.evaluation import ChannelPlane
from hrpn_tf.evaluation.baselines.vessel_distance import vessel_distance
from hrpn_tf.evaluation.intervals import (
    Bands,
    SlideCoverage,
    SlideScores,
    add_scores,
    count,
    no_scores,
    scores,
)
from hrpn_tf.evaluation.intervals.coverage import CoverageCounts, Kind, add
from hrpn_tf.evaluation.planes import Window
from hrpn_tf.runs import Run, RunSlide
from hrpn_tf.slides import Slide, channel_index, iter_windows, open_slide
from hrpn_tf.workflows.evaluate.measured_slides import all_channels, tissue_plane
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.one_slide import EXACT, plan_slides, predict_slide
from hrpn_tf.workflows.predict.requests import Request

if TYPE_CHECKING:
    from hrpn_export import Session

_WINDOW = 1024


@dataclass(frozen=True)
class IntervalSlide:
    """A slide that is predicted as by ``hrpn-tf predict``, and compared with its target.

    Attributes:
        slide: slide of the run or of a list.
        job: its prediction.
    """

    slide: RunSlide
    job: SlideJob


@dataclass(frozen=True)
class Pixels:
    """The tissue pixels of a window.

    Attributes:
        predicted: (pixels, outputs) output of the session.
        target: (pixels,) measured intensities.
        distance: (pixels,) distance to the nearest vessel, um; None if no input shows vessels.
    """

    predicted: np.ndarray
    target: np.ndarray
    distance: np.ndarray | None


def check_slides(slides: Sequence[RunSlide], run: Run) -> list[IntervalSlide]:
    """Refuse slides that cannot be predicted or have no target, before anything is computed."""
    requests = [
        # the path changes when the slide is predicted
        Request(s.path, run.folder / f"{s.name}.ome.zarr", s.channels, s.pixel_size_um)
        for s in slides
    ]
    jobs = plan_slides(RunNetwork(run), requests, settings=EXACT)
    for slide in slides:
        with open_slide(slide.path, z=run.config.data.z) as image:
            all_channels(image.info, slide, run.config)
    return [IntervalSlide(slide, job) for slide, job in zip(slides, jobs, strict=True)]


def score_slide(
    slide: IntervalSlide, session: "Session", edges: Sequence[float], scratch: Path
) -> SlideScores:
    """Scores of a slide.

    Args:
        slide: checked.
        session: gives mean, spread below and spread above, in intensities.
        edges: limits between bands of the predicted intensity.
        scratch: folder for the prediction.

    Raises:
        ConstantTargetError: the target is the same everywhere in the tissue.
        NonFinitePixelsError: the target holds NaN or infinite pixels.
        NonFinitePredictionError: the network gives NaN or infinite values.
        NoTissueError: the slide has no tissue pixel.
    """
    counts = no_scores(len(edges) + 1)
    for pixels in _checked(slide, session, False, scratch):
        mean, below, above = np.moveaxis(pixels.predicted, -1, 0)
        add_scores(counts, mean, scores(mean, below, above, pixels.target), edges)
    return SlideScores(slide.slide.name, slide.slide.group, counts)


def measure_slide(
    slide: IntervalSlide,
    session: "Session",
    edges: Sequence[float],
    bands: Bands,
    scratch: Path,
) -> tuple[SlideScores, SlideCoverage]:
    """Scores of a slide, and the coverage of calibrated bounds on it.

    Args:
        slide: checked.
        session: gives mean, lower, upper, spread below and spread above, in intensities.
        edges: limits between bands of the predicted intensity, for the scores.
        bands: bands of the coverage table.
        scratch: folder for the prediction.

    Raises: see :func:`score_slide`.
    """
    counts = no_scores(len(edges) + 1)
    covered: dict[Kind, CoverageCounts] = {}
    for pixels in _checked(slide, session, True, scratch):
        mean, _, _, below, above = np.moveaxis(pixels.predicted, -1, 0)
        add_scores(counts, mean, scores(mean, below, above, pixels.target), edges)
        more = count(pixels.predicted[:, :3], pixels.target, pixels.distance, bands)
        covered = add(covered, more)
    name, group = slide.slide.name, slide.slide.group
    return (
        SlideScores(name, group, counts),
        SlideCoverage(name, group, slide.slide.subset, covered),
    )


def _checked(
    slide: IntervalSlide, session: "Session", vessels: bool, scratch: Path
) -> Iterator[Pixels]:
    """The tissue pixels of all windows; at the end, an unusable target is refused."""
    path, seen = slide.slide.path, 0
    lowest, highest = np.inf, -np.inf
    for pixels in _predicted(slide, session, vessels, scratch):
        if not np.isfinite(pixels.target).all():
            raise NonFinitePixelsError(f"{path}: NaN or infinite pixels in the target channel")
        if pixels.target.size:
            seen += pixels.target.size
            lowest = min(lowest, float(pixels.target.min()))
            highest = max(highest, float(pixels.target.max()))
            yield pixels
    if not seen:
        raise NoTissueError(f"{path}: no tissue is found; leave the slide out of the list")
    if lowest == highest:
        raise ConstantTargetError(
            f"{path}: the target is {lowest:g} grey levels everywhere in the tissue; check the "
            "channel's name, or leave the slide out of the list"
        )


def _predicted(
    slide: IntervalSlide, session: "Session", vessels: bool, scratch: Path
) -> Iterator[Pixels]:
    from hrpn_tf.files import remove
    from hrpn_tf.prediction import open_frame

    job, config = slide.job, slide.job.config
    out = scratch / "prediction.ome.zarr"
    predict_slide(job, session, out=out)
    with open_slide(out) as predicted, open_slide(job.slide, z=config.data.z) as image:
        seen = open_frame(image, job.frame)
        size = job.frame.pixel_size_um
        tissue = tissue_plane(seen, slide.slide, size, config)
        distance = _distance(slide, seen) if vessels else None
        target = all_channels(image.info, slide.slide, config)[config.data.target]
        channels = range(len(predicted.info.channels))
        for window in iter_windows(predicted.info.height, predicted.info.width, _WINDOW):
            keep = np.ones(window[2:], bool) if tissue is None else tissue.read(*window)
            yield Pixels(
                predicted.read(*window, channels)[keep],
                seen.read(*window, [target])[..., 0][keep],
                None if distance is None else distance(Window(*window))[keep],
            )
    remove(out)


def _distance(slide: IntervalSlide, seen: Slide) -> Callable[[Window], np.ndarray] | None:
    """Distance of a window's pixels to the nearest vessel, um; None without a vessel channel."""
    config = slide.job.config
    role = config.evaluation.vessel_role
    if role not in config.data.inputs:
        return None
    vessels = ChannelPlane(seen, channel_index(seen.info, slide.slide.channels[role]))
    # tissue only, since the logarithmic scale would separate tissue from glass
    found = vessel_distance(vessels, slide.job.frame.pixel_size_um, "linear")
    return lambda window: found.bins(window).astype(np.float64)
