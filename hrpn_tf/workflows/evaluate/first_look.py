"""Weights in place of a run: what a first look is compared with, and where the results go."""

from dataclasses import dataclass, replace
from pathlib import Path

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.verdict import CROSS_VALIDATE, Verdict
from hrpn_tf.runs import Run, open_run
from hrpn_tf.weights.catalogue import Catalogue
from hrpn_tf.weights.entry import WeightsEntry
from hrpn_tf.workflows.evaluate.options import EvaluationOptions


@dataclass(frozen=True)
class FirstLook:
    """Weights that stand for a run without slides of its own.

    Attributes:
        name: of the weights.
        run: their folder.
    """

    name: str
    run: Run

    @property
    def predictions(self) -> Path:
        """Where ``predict --weights NAME`` writes."""
        return Path(f"predictions-{self.name}")

    @property
    def evaluation(self) -> Path:
        """Where ``evaluate --weights NAME`` writes."""
        return Path(f"evaluation-{self.name}")

    def options(self, options: EvaluationOptions) -> EvaluationOptions:
        """Options with the place of the predictions."""
        return replace(options, predictions=options.predictions or self.predictions)


def first_look(name: str, slide_list: Path | None) -> FirstLook:
    """The first look with weights.

    Args:
        name: as listed by ``hrpn-tf weights``.
        slide_list: list of measured slides.

    Raises:
        UsageError: no slides are named.
        UnknownWeightsError, WeightsError: there are no such weights, or they are damaged.

    Example:
        >>> first_look("hrpn-m-sim", Path("measured.csv")).evaluation
        PosixPath('evaluation-hrpn-m-sim')
    """
    if slide_list is None:
        raise UsageError(f"weights {name}: name measured slides in a list")
    return FirstLook(name, open_run(Catalogue().installed(name)))


def without_baselines(options: EvaluationOptions, name: str) -> EvaluationOptions:
    """Options of weights, which have no training slides to fit baselines to.

    Raises:
        UsageError: gradient-boosted trees were asked for.
    """
    if options.trees:
        raise no_baselines(name)
    return replace(options, baselines=False)


def no_baselines(name: str) -> UsageError:
    """The error of baselines that were asked for weights."""
    return UsageError(f"weights {name}: have no training slides to fit baselines to")


def with_caution(verdict: Verdict, weights: WeightsEntry | None) -> Verdict:
    """A verdict that begins with what a user of weights must know; of a run, as it is."""
    if weights is None:
        return verdict
    # there is no training to repeat without each of the animals
    advice = ("measure more animals." if a == CROSS_VALIDATE else a for a in verdict.advice)
    findings = (f"{weights.remark}.", *verdict.findings)
    return replace(verdict, findings=findings, advice=tuple(advice))
