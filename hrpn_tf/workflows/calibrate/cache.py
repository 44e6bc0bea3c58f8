"""Intermediate results of a calibration, kept per slide until all slides are done."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from hrpn_tf.errors import CheckpointError
from hrpn_tf.evaluation.intervals import Bands, Correction, SlideCoverage, SlideScores
from hrpn_tf.evaluation.intervals.coverage import CoverageCounts, Kind
from hrpn_tf.files import atomic_path
from hrpn_tf.progress import tracked
from hrpn_tf.untrusted import read_arrays

if TYPE_CHECKING:
    from hrpn_export import Session

    from hrpn_tf.workflows.calibrate.scoring import IntervalSlide


def scored(
    slides: Sequence["IntervalSlide"],
    session: "Session",
    edges: Sequence[float],
    work: Path,
    progress: bool,
) -> list[SlideScores]:
    """Scores of the calibration slides; see ``score_slide``."""
    from hrpn_tf.workflows.calibrate.scoring import score_slide

    found = []
    for each in _with_bar(slides, "calibration slides", progress):
        path = work / f"calibration-{_key(each)}.npz"
        if (kept := _read_arrays(path)) is None:
            kept = {"counts": score_slide(each, session, edges, work).counts}
            _write_arrays(path, kept)
        found.append(SlideScores(each.slide.name, each.slide.group, kept["counts"]))
    return found


def covered(
    slides: Sequence["IntervalSlide"],
    session: "Session",
    edges: Sequence[float],
    correction: Correction,
    work: Path,
    progress: bool,
) -> list[tuple[SlideScores, SlideCoverage]]:
    """Scores of slides, and the coverage of calibrated bounds on them; see ``measure_slide``."""
    from hrpn_tf.workflows.calibrate.scoring import measure_slide

    bands = Bands(correction.edges)
    found = []
    for each in _with_bar(slides, "coverage", progress):
        path = work / f"coverage-{_key(each, correction)}.npz"
        if (kept := _read_arrays(path)) is None:
            scores, counted = measure_slide(each, session, edges, bands, work)
            kept = {"counts": scores.counts}
            kept |= {kind: np.stack(list(vars(c).values())) for kind, c in counted.counts.items()}
            _write_arrays(path, kept)
        slide, counts = each.slide, kept.pop("counts")
        by_kind = {cast(Kind, kind): CoverageCounts(*sums) for kind, sums in kept.items()}
        found.append(
            (
                SlideScores(slide.name, slide.group, counts),
                SlideCoverage(slide.name, slide.group, slide.subset, by_kind),
            )
        )
    return found


def _key(slide: "IntervalSlide", *more: object) -> str:
    """Name of a slide's intermediate result; depends on its pixels and on all relevant settings."""
    from hrpn_tf.prediction import slide_checksums
    from hrpn_tf.slides import open_slide

    job = slide.job
    with open_slide(job.slide, z=job.config.data.z) as opened:
        files, depth = opened.info.files, opened.info.depth
    checksums = slide_checksums(job.slide, files, job.config.prediction.io_timeout)
    settings = (job.config.data.tissue, job.config.prediction, job.frame, job.channels)
    read = () if depth is None else (depth,)  # so that older results stay
    identity = (slide.slide, sorted(checksums.items()), *settings, *read, *more)
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:16]


def _with_bar(
    slides: Sequence["IntervalSlide"], what: str, progress: bool
) -> Iterator["IntervalSlide"]:
    return tracked(slides, what, len(slides), "slide", shown=progress and bool(slides))


def _read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """The intermediate result of a slide; None if it is missing or damaged."""
    try:
        return read_arrays(path, CheckpointError)
    except CheckpointError:
        return None


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with atomic_path(path, overwrite=True) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
