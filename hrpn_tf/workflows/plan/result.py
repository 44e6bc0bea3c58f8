"""What a plan says, and the trainings that it follows from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.evaluation.planning.coverage import CoverageOutlook
from hrpn_tf.evaluation.planning.curve import LearningCurve
from hrpn_tf.runs import Run
from hrpn_tf.workflows.plan.measuring import GroupErrors
from hrpn_tf.workflows.plan.subsets import Subset

if TYPE_CHECKING:
    from hrpn_tf.evaluation.planning.ranking import Ranked


@dataclass(frozen=True)
class Trained:
    """A training of the curve, measured.

    Attributes:
        subset: groups that trained.
        run: its network.
        errors: by group that is held back.
    """

    subset: Subset
    run: Run
    errors: Mapping[str, GroupErrors]


@dataclass(frozen=True)
class Plan:
    """What a plan says.

    Attributes:
        folder: of the files.
        run: the pilot run.
        training_groups: how many trained the run.
        held_back: groups that the errors were measured on.
        calibration_groups: groups that would calibrate now: those that picked the checkpoint.
        trained: trainings of the curve; empty without a curve.
        steps: of each of these trainings; None without a curve.
        shorten: share of the run's own steps.
        missing: trainings that were not begun within the time limit.
        error: curve of the mean squared error, grey levels^2; None without a curve.
        width: curve of the width of intervals, grey levels; None without a curve.
        coverage_level: nominal coverage of that width.
        coverage: what so many calibration groups give, for each level.
        ranked: candidates in order; empty without any.
        networks: how many networks disagree about the candidates.
        notes: what limits these statements, a sentence each.
    """

    folder: Path
    run: Run
    training_groups: int
    held_back: tuple[str, ...]
    calibration_groups: int
    trained: tuple[Trained, ...]
    steps: int | None
    shorten: float
    missing: int
    error: LearningCurve | None
    width: LearningCurve | None
    coverage_level: float
    coverage: tuple[CoverageOutlook, ...]
    ranked: "tuple[Ranked, ...]"
    networks: int
    notes: tuple[str, ...]
