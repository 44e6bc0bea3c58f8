"""Candidates: slides without a measured target, and whether they can be predicted."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from hrpn_tf.errors import CandidateError, SlideNotFoundError, UsageError
from hrpn_tf.files import sha256
from hrpn_tf.kinds import LISTS
from hrpn_tf.runs import Run, RunSlide
from hrpn_tf.runs.slides import OTHER
from hrpn_tf.slides.finding import is_several, slides_of
from hrpn_tf.slides.names import slide_name
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.plan.options import PlanOptions
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.one_slide import plan_slides
from hrpn_tf.workflows.predict.options import PredictionOptions
from hrpn_tf.workflows.predict.requests import Request

logger = logging.getLogger(__name__)

_USES = {
    "train": "trained the run",
    "validation": "picked its checkpoint",
    "test": "is held back to test it",
}


def candidate_slides(run: Run, paths: Sequence[Path], progress: bool = False) -> list[RunSlide]:
    """The slides that are named: alone, in lists, in folders or by patterns.

    Slides of a list, a folder or a pattern that the run has used are left out with a warning; a
    slide that is named itself is refused.

    Raises:
        CandidateError: a slide was used by the run, or none is left.
        UsageError: a slide is named twice.
        SlideNotFoundError: there is no such slide, or none in a folder or of a pattern.
        SlideListError: see ``read_slide_list``.
    """
    used = _used_files(run)
    found: list[RunSlide] = []
    for path in paths:
        if path.suffix.lower() in LISTS and not is_several(path):
            found += _of_list(run, path, used)
        elif is_several(path):
            found += _of_several(run, path, used, progress)
        else:
            own = _of_path(run, path)
            if (use := _use(own, used)) is not None:
                raise CandidateError(
                    f"{path}: {use}, so it cannot be a candidate; name other slides"
                )
            found.append(own)
    if paths and not found:
        raise CandidateError(
            f"{', '.join(map(str, paths))}: every slide was used by {run}; name slides that are new"
        )
    _refuse_twice(found)
    return found


def candidate_jobs(
    run: Run, slides: Sequence[RunSlide], options: PlanOptions, out: Path
) -> list[SlideJob]:
    """Check channels and pixel size of the slides, as ``hrpn-tf predict`` does.

    Raises:
        UsageError: a channel for an input that the network does not have.
        HrpnError: a slide cannot be predicted.
    """
    inputs = run.config.data.inputs
    for role, name in options.channels.items():
        if role not in inputs:
            raise UsageError(
                f"--channel {role}={name}: the model has no input {role}; its inputs are "
                f"{', '.join(inputs)}"
            )
    requests = [
        Request(
            slide.path,
            out / "candidates" / slide.name,  # nothing is written there
            {**slide.channels, **options.channels},
            slide.pixel_size_um,
        )
        for slide in slides
    ]
    chosen = PredictionOptions(pixel_size_um=options.pixel_size_um)
    return plan_slides(RunNetwork(run), requests, options=chosen)


def _of_path(run: Run, path: Path) -> RunSlide:
    if not path.exists():
        raise SlideNotFoundError(f"{path}: no such slide")
    name = slide_name(path)
    return RunSlide(name, path, name, OTHER, dict(run.config.data.channels), None)


def _of_several(run: Run, path: Path, used: Mapping[Path, str], progress: bool) -> list[RunSlide]:
    """The slides and lists in a folder or of a pattern."""
    kept: list[RunSlide] = []
    gone: list[RunSlide] = []
    for one in slides_of([path], progress):
        if one.suffix.lower() in LISTS:
            kept += _of_list(run, one, used)
            continue
        slide = _of_path(run, one)
        (gone if _use(slide, used) is not None else kept).append(slide)
    _warn_of_used(run, path, gone)
    return kept


def _of_list(run: Run, path: Path, used: Mapping[Path, str]) -> list[RunSlide]:
    kept: list[RunSlide] = []
    gone: list[RunSlide] = []
    for slide in run.slides(path):
        known = slide.subset != OTHER or _use(slide, used) is not None
        (gone if known else kept).append(slide)
    _warn_of_used(run, path, gone)
    return kept


def _warn_of_used(run: Run, path: Path, gone: Sequence[RunSlide]) -> None:
    if gone:
        names = ", ".join(dict.fromkeys(slide.name for slide in gone[:12]))
        more = f" and {len(gone) - 12} more" if len(gone) > 12 else ""
        logger.warning(f"{path}: {names}{more}: used by {run}, and left out")


def _used_files(run: Run) -> dict[Path, str]:
    """Files that the run has used: how. Empty where it does not say."""
    from hrpn_tf.errors import RunError, StoreError

    try:
        return {slide.path.resolve(): slide.subset for slide in run.slides()}
    except (RunError, StoreError):  # imported weights, or a patch dataset that is gone
        return {}


def _use(slide: RunSlide, used: Mapping[Path, str]) -> str | None:
    """How the run has used a slide, or a file of the same bytes; None if it has not."""
    path = slide.path.resolve()
    if path in used:
        return _USES.get(used[path], "was left out of the run")
    if path.is_file():
        size = path.stat().st_size
        alike = [p for p in used if p.is_file() and p.stat().st_size == size]
        if alike:
            own = sha256(path)
            for other in alike:
                if sha256(other) == own:
                    return f"is a copy of {other}, which {_USES.get(used[other], 'the run knows')}"
    return None


def _refuse_twice(slides: Sequence[RunSlide]) -> None:
    names: dict[str, Path] = {}
    files: set[Path] = set()
    for slide in slides:
        path = slide.path.resolve()
        if path in files:
            raise UsageError(f"{slide.path}: is named twice; name each candidate once")
        if slide.name in names:
            raise UsageError(
                f"{slide.path} and {names[slide.name]} have the same name; give them different "
                "ones in a slide list, in a column 'name'"
            )
        files.add(path)
        names[slide.name] = slide.path
