"""Candidates: slides without a measured target, ranked by how much they would teach."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.errors import CandidateError, NonFinitePredictionError, SlideNotFoundError, UsageError
from hrpn_tf.files import sha256
from hrpn_tf.kinds import LISTS
from hrpn_tf.progress import tracked
from hrpn_tf.runs import Run, RunSlide
from hrpn_tf.runs.agreement import refuse_different
from hrpn_tf.runs.slides import OTHER
from hrpn_tf.slides.finding import is_several, slides_of
from hrpn_tf.slides.names import slide_name
from hrpn_tf.text import in_shell
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.plan.options import PlanOptions
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.one_slide import plan_slides
from hrpn_tf.workflows.predict.options import PredictionOptions
from hrpn_tf.workflows.predict.out_of_distribution import find_profile
from hrpn_tf.workflows.predict.requests import Request
from hrpn_tf.workflows.predict.sampling import sample_windows

if TYPE_CHECKING:
    from hrpn_export import Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile
    from hrpn_tf.evaluation.planning import Candidate, Ranked

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


def check_ensemble(run: Run, others: Sequence[Run]) -> None:
    """Refuse networks that cannot be compared.

    Raises:
        UsageError: a network takes or predicts something else, or is named twice.
        RunError: a run has no network.
    """
    contract = RunNetwork(run).contract()
    seen = {run.checksum}
    for other in others:
        refuse_different(str(run), contract, str(other), RunNetwork(other).contract())
        if other.checksum in seen:
            raise UsageError(
                f"{other}: has the same network as another one; name each network once"
            )
        seen.add(other.checksum)


def training_profile(run: Run) -> "TrainingProfile":
    """The profile of the training slides.

    Raises:
        CandidateError: the run has no profile, or one of other channels; says what to do.
    """
    network = RunNetwork(run)
    profile, reason = find_profile(network, network.contract())
    if profile is None:
        raise CandidateError(
            f"{str(reason).split(';')[0]}; make the profile with: "
            f"hrpn-tf describe-training {in_shell(run)}"
        )
    return profile


def with_units(profile: "TrainingProfile") -> "TrainingProfile":
    """The profile with a limit of everything, as the unit of distances."""
    from hrpn_tf.evaluation.out_of_distribution.profile import (
        LEAST_FEATURES,
        LEAST_GREY,
        LEAST_NOISE,
        LEAST_STRUCTURE,
    )

    feature = profile.feature_limit
    return replace(
        profile,
        grey_limits=_filled(profile.grey_limits, LEAST_GREY),
        structure_limits=_filled(profile.structure_limits, LEAST_STRUCTURE),
        noise_limits=_filled(profile.noise_limits, LEAST_NOISE),
        feature_limit=feature if np.isfinite(feature) else LEAST_FEATURES,
    )


def rank_candidates(
    run: Run,
    slides: Sequence[RunSlide],
    jobs: Sequence[SlideJob],
    networks: Sequence[Run],
    profile: "TrainingProfile",
    *,
    progress: bool = True,
) -> "list[Ranked]":
    """Rank slides by disagreement and distance.

    Args:
        run: whose training slides are compared with.
        slides, jobs: of the candidates.
        networks: whose disagreement counts; with fewer than two, distances alone count.
        profile: see :func:`training_profile`.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        CandidateError: nothing of a slide can be read.
        NonFinitePredictionError: a network gives NaN.
        HrpnError: a slide cannot be read.
    """
    from hrpn_tf.evaluation.planning import rank
    from hrpn_tf.models.features import pooled_features

    sessions = [RunNetwork(each).load(None) for each in networks] if len(networks) > 1 else []
    judging = RunNetwork(run).load(None)
    features = pooled_features(judging.model) if profile.space is not None else None  # type: ignore[attr-defined]
    pairs = list(zip(slides, jobs, strict=True))
    found = [
        _candidate(slide, job, sessions, profile, features)
        for slide, job in tracked(pairs, "rank", len(pairs), "slide", shown=progress)
    ]
    return rank(found, with_units(profile))


def _candidate(
    slide: RunSlide,
    job: SlideJob,
    sessions: "Sequence[Session]",
    profile: "TrainingProfile",
    features: object,
) -> "Candidate":
    from hrpn_tf.evaluation.out_of_distribution import describe, judge
    from hrpn_tf.evaluation.planning import Candidate

    windows = sample_windows(job, profile.window_px)
    if not windows:
        raise CandidateError(f"{slide.path}: nothing of it can be read")
    own = job.frame.is_own
    statistics = describe(windows, features, not own)  # type: ignore[arg-type]
    distance = judge(with_units(profile), statistics).score
    return Candidate(
        slide.name,
        slide.group,
        disagreement(sessions, windows, slide.name) if sessions else None,
        distance or 0.0,
        statistics,
        judge(profile, statistics).reasons,
    )


def disagreement(sessions: "Sequence[Session]", windows: Sequence[np.ndarray], name: str) -> float:
    """Root mean square, over pixels, of the standard deviation over networks, grey levels.

    Args:
        sessions: two or more.
        windows: (h, w, inputs) grey levels.
        name: of the slide, for the message.

    Raises:
        NonFinitePredictionError: a network gives NaN.
    """
    squares, pixels = 0.0, 0
    for window in windows:
        planes = np.stack([_predict(session, window) for session in sessions])
        spread = planes.var(axis=0, ddof=1, dtype=np.float64)
        squares, pixels = squares + float(spread.sum()), pixels + spread.size
    if not np.isfinite(squares):
        raise NonFinitePredictionError(f"{name}: a network gives values that are not finite")
    return float(np.sqrt(squares / pixels))


def _predict(session: "Session", window: np.ndarray) -> np.ndarray:
    """(h, w) of a window of any size, which is reflected up to a multiple of the stride."""
    height, width = window.shape[:2]
    multiple = session.contract.stride_multiple
    margins = [(0, -height % multiple), (0, -width % multiple), (0, 0)]
    whole = np.pad(window, margins, mode="symmetric")
    return np.asarray(session(whole[None])[0, :height, :width, 0])


def _filled(limits: np.ndarray, least: float) -> np.ndarray:
    return np.where(np.isfinite(limits), limits, least)


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
