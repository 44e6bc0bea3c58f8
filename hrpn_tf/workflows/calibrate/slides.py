"""Choose the slides for calibration, and those on which the coverage is measured."""

import logging
from collections.abc import Sequence
from pathlib import Path

from hrpn_tf.errors import CalibrationSlidesError, SlideNotFoundError, UsageError
from hrpn_tf.runs import Run
from hrpn_tf.runs.slides import OTHER, RunSlide

logger = logging.getLogger(__name__)

_MAY_CALIBRATE = ("validation", OTHER)


def calibration_slides(run: Run, slides: Path | None, groups: Sequence[str]) -> list[RunSlide]:
    """Slides that were used neither to train nor to test the network.

    Args:
        run: run folder.
        slides: slide list; None for the slides of the run.
        groups: groups to use; empty for all.

    Raises:
        UsageError: unknown group.
        CalibrationSlidesError: a requested group was used to train or to test the network.
        SlideNotFoundError: a slide is missing.
    """
    every, source = run.slides(slides), str(slides or run)
    present = sorted({slide.group for slide in every})
    if unknown := sorted(set(groups) - set(present)):
        raise UsageError(f"{source}: no group {unknown[0]}; it has {', '.join(present)}")
    asked = [slide for slide in every if not groups or slide.group in groups]
    kept = [slide for slide in asked if slide.subset in _MAY_CALIBRATE]
    others = groups_of([slide for slide in asked if slide.subset not in _MAY_CALIBRATE])
    if others and groups:
        raise CalibrationSlidesError(
            f"{source}: {', '.join(others)} trained the network or test it, and must not "
            "calibrate; name other groups"
        )
    if others and slides is not None:
        logger.warning(
            f"{source}: {', '.join(others)} trained the network or test it, and are left out"
        )
    _refuse_gone(kept, source, "name the calibration slides in a list")
    return kept


def coverage_slides(run: Run, test: Path | None) -> list[RunSlide]:
    """The test slides of the run, or the slides of a list that were not used to train it.

    Raises:
        CalibrationSlidesError: a list without any such slide.
        SlideNotFoundError: a slide is missing.
    """
    every, source = run.slides(test), str(test or run)
    allowed = ("test",) if test is None else ("test", OTHER)
    kept = [slide for slide in every if slide.subset in allowed]
    if test is not None and not kept:
        raise CalibrationSlidesError(
            f"{source}: every slide in it trained the network or picked its checkpoint; name others"
        )
    _refuse_gone(kept, source, "name the slides to measure the coverage on with --test")
    return kept


def check_apart(calibration: Sequence[RunSlide], test: Sequence[RunSlide]) -> None:
    """Refuse a group or file that is used both to calibrate and to measure.

    Raises:
        CalibrationSlidesError: names the group or file.
    """
    groups = {slide.group for slide in calibration}
    files = {slide.path.resolve() for slide in calibration}
    for slide in test:
        if slide.group in groups or slide.path.resolve() in files:
            raise CalibrationSlidesError(
                f"{slide.path}: {slide.group} would calibrate the intervals and be what they are "
                "measured on; take it out of one of the two lists"
            )


def groups_of(slides: Sequence[RunSlide]) -> list[str]:
    """The groups, each once, in order."""
    return list(dict.fromkeys(slide.group for slide in slides))


def _refuse_gone(slides: Sequence[RunSlide], source: str, advice: str) -> None:
    for slide in slides:
        if not slide.path.exists():
            raise SlideNotFoundError(f"{slide.path}: no such slide (of {source}); {advice}")
