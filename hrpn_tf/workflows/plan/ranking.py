"""Rank candidates by how much they would teach: disagreement of networks, and distance."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.errors import (
    CandidateError,
    ConstantChannelError,
    NonFinitePredictionError,
    NoTissueError,
)
from hrpn_tf.progress import tracked
from hrpn_tf.runs import Run, RunSlide
from hrpn_tf.runs.agreement import refuse_different, refuse_twins
from hrpn_tf.text import in_shell
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.out_of_distribution import constant_channels, find_profile
from hrpn_tf.workflows.predict.sampling import sample_windows

if TYPE_CHECKING:
    from hrpn_export import Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile
    from hrpn_tf.evaluation.planning import Candidate, Ranked

logger = logging.getLogger(__name__)


def check_ensemble(run: Run, others: Sequence[Run]) -> None:
    """Refuse networks that cannot be compared.

    Raises:
        UsageError: a network takes or predicts something else, or is named twice.
        RunError: a run has no network.
    """
    contract = RunNetwork(run).contract()
    for other in others:
        refuse_different(str(run), contract, str(other), RunNetwork(other).contract())
    refuse_twins((str(each), each.checksum) for each in (run, *others))


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
    """Rank slides by disagreement and distance; those that show nothing are left out and told.

    Args:
        run: whose training slides are compared with.
        slides, jobs: of the candidates.
        networks: whose disagreement counts; with fewer than two, distances alone count.
        profile: see :func:`training_profile`.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        CandidateError: no slide is left.
        NonFinitePredictionError: a network gives NaN.
        HrpnError: a slide cannot be read.
    """
    from hrpn_tf.evaluation.planning import rank
    from hrpn_tf.models.features import pooled_features

    sessions = [RunNetwork(each).load(None) for each in networks] if len(networks) > 1 else []
    judging = RunNetwork(run).load(None)
    features = pooled_features(judging.model) if profile.space is not None else None  # type: ignore[attr-defined]
    pairs = list(zip(slides, jobs, strict=True))
    found = []
    for slide, job in tracked(pairs, "rank", len(pairs), "slide", shown=progress):
        try:
            found.append(_candidate(slide, job, sessions, profile, features))
        except (CandidateError, NoTissueError, ConstantChannelError) as error:
            logger.warning(f"{error}; left out")
    if not found:
        raise CandidateError("none of the slides shows anything to rank")
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
    if len(constant_channels(windows, profile.channels)) == len(profile.channels):
        raise CandidateError(f"{slide.path}: every input has one value wherever it was looked at")
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
