"""What the records of the cohorts say, as parts of a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.plan_cohorts.animals import PILOT
from experiments.study.tables import markdown
from hrpn_tf.evaluation.planning import Measurement, learning_curve

MORE = 16  # animals that the error is predicted for
NUMBERS = (2, 4, 8)  # of animals that are chosen
SETTLED = 12  # cohorts before this number were seen while the intervals were worked out


KINDS = ("held_back", "unseen")  # animals on which the truth was measured


@dataclass(frozen=True)
class Outcome:
    """A curve of one cohort, computed anew from its measurements, and what came true.

    Attributes:
        now: mean value of the pilot on the animals that were held back.
        predicted, low, high: value with ``MORE`` animals, and its 95 % interval.
        doubling: least, middle and largest factor that twice as many animals change it by.
        truth: by kind of animal, the value of each training with ``MORE`` animals.
        falls: by kind, the mean of these over the value of the pilot.
    """

    now: float
    predicted: float
    low: float
    high: float
    doubling: tuple[float, float, float]
    truth: Mapping[str, Sequence[float]]
    falls: Mapping[str, float]

    def mean(self, kind: str) -> float:
        """Of the trainings with ``MORE`` animals."""
        return float(np.mean(self.truth[kind]))


def outcome(record: Mapping[str, Any], what: str = "errors") -> Outcome:
    """What was predicted of a cohort, and what came true.

    Args:
        record: of the cohort.
        what: "errors" or "widths".
    """
    end = "" if what == "errors" else "_width"
    curve = learning_curve(
        [Measurement(m["groups"], m["draw"], tuple(m[what])) for m in record["measured"]], (MORE,)
    )
    (own,) = curve.outlook
    truth = {kind: [each[kind + end] for each in record["truth"]] for kind in KINDS}
    before = {"held_back": curve.now, "unseen": record[f"now_unseen{end}"]}
    falls = {kind: float(np.mean(truth[kind])) / before[kind] for kind in KINDS}
    doubling = curve.doubling or (0.0, 0.0, 0.0)
    return Outcome(curve.now, own.error, own.low or 0.0, own.high or 0.0, doubling, truth, falls)


def report(records: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The generated parts of the page."""
    if not records:
        return dict.fromkeys(("curve", "width", "choice"), "No cohort is finished yet.")
    widths = [outcome(each, "widths") for each in records]
    return {
        "curve": f"{_curve(records)}\n\n{_spread(records)}",
        "width": _kept_promises(records, widths, "a width"),
        "choice": _choice(records),
    }


def _curve(records: Sequence[Mapping[str, Any]]) -> str:
    heads = ["cohort", "8, held back", "16, predicted", "95 % interval", "16, held back",
             "16, unseen", "16 / 8, predicted", "held back", "unseen"]  # fmt: skip
    outcomes = [outcome(each) for each in records]
    rows = []
    for each, own in zip(records, outcomes, strict=True):
        least, _, largest = own.doubling
        rows.append([
            str(each["cohort"]), _thousands(own.now), _thousands(own.predicted),
            f"{_thousands(own.low)} to {_thousands(own.high)}", _thousands(own.mean("held_back")),
            _thousands(own.mean("unseen")), f"{least:.2f} to {largest:.2f}",
            f"{own.falls['held_back']:.2f}", f"{own.falls['unseen']:.2f}",
        ])  # fmt: skip
    return (
        f"{markdown(heads, rows)}\n\nMean squared errors in thousands of grey levels² (16 bits). "
        f"{_kept_promises(records, outcomes, 'an error')}"
    )


def _kept_promises(
    records: Sequence[Mapping[str, Any]], all_own: Sequence[Outcome], what: str
) -> str:
    """How often errors or widths (``what``) were within their intervals, in sentences."""
    within = {
        kind: [own.low <= value <= own.high for own in all_own for value in own.truth[kind]]
        for kind in KINDS
    }
    fallen = {
        kind: sum(own.doubling[0] <= own.falls[kind] <= own.doubling[2] for own in all_own)
        for kind in KINDS
    }
    shares = {kind: f"{np.mean(found):.0%}" for kind, found in within.items()}
    ratios = [own.predicted / own.mean("held_back") for own in all_own]
    factor = np.exp(np.mean(np.log(ratios)))
    return (
        f"Of {len(within['unseen'])} trainings with 16 animals in {len(records)} cohorts, "
        f"{shares['held_back']} had {what} within the interval on the animals that were held "
        f"back, and {shares['unseen']} on animals that nobody saw.{_fresh(records, within)} "
        f"The predicted {what.split()[1]} was {factor:.2f} times the mean one on the animals that "
        f"were held back (geometric mean; {min(ratios):.2f} to "
        f"{max(ratios):.2f}). The change from 8 to 16 animals was within its interval in "
        f"{fallen['held_back']} cohorts on the animals that were held back, and in "
        f"{fallen['unseen']} on unseen ones."
    )


def _fresh(records: Sequence[Mapping[str, Any]], within: Mapping[str, Sequence[bool]]) -> str:
    """The same for the cohorts that were not seen while the intervals were worked out."""
    new = np.array([each["cohort"] >= SETTLED for each in records])
    if not new.any():
        return ""
    each_training = np.repeat(new, [len(each["truth"]) for each in records])
    held_back, unseen = (f"{np.mean(np.array(within[k])[each_training]):.0%}" for k in KINDS)
    return (
        f" In the {new.sum()} cohorts that were made after the method was settled: {held_back} "
        f"and {unseen}."
    )


def _spread(records: Sequence[Mapping[str, Any]]) -> str:
    """How much errors differ between animals, and between draws."""
    animals, draws = [], []
    for each in records:
        all_eight = [m["errors"] for m in each["measured"] if m["groups"] == PILOT]
        own = np.mean(all_eight, axis=0)
        animals.append(own.max() / own.min())
        single = [np.mean(m["errors"]) for m in each["measured"] if m["groups"] == 1]
        draws.append(max(single) / min(single))
    return (
        f"The largest error of the pilot on an animal that was held back is "
        f"{np.median(animals):.0f} times the least (median over cohorts; {max(animals):.0f} at "
        f"most), and the largest error of trainings on one animal {np.median(draws):.1f} times "
        f"the least ({max(draws):.0f} at most)."
    )


def _thousands(value: float) -> str:
    return f"{value / 1000:,.0f}"


def _choice(records: Sequence[Mapping[str, Any]]) -> str:
    from scipy.stats import wilcoxon

    heads = ["added", "cohorts", "chosen better than the mean of random", "MSE, chosen / random",
             "least", "largest", "p (Wilcoxon, two-sided)"]  # fmt: skip
    rows = []
    for number in NUMBERS:
        pairs = [each["choice"][str(number)] for each in records]
        logs = [np.log(pair["chosen"] / np.mean(pair["random"])) for pair in pairs]
        p = f"{wilcoxon(logs).pvalue:.3f}" if len(logs) > 1 else "-"
        rows.append([str(number), str(len(logs)), str(sum(log < 0 for log in logs)),
                     f"{np.exp(np.mean(logs)):.3f}", f"{np.exp(min(logs)):.2f}",
                     f"{np.exp(max(logs)):.2f}", p])  # fmt: skip
    gains = [each["all_unseen"] / each["now_unseen"] for each in records]
    return (
        f"{markdown(heads, rows)}\n\n"
        f"All 12 candidates together took the error to {np.exp(np.mean(np.log(gains))):.2f} times "
        f"that of the pilot (geometric mean; {min(gains):.2f} to {max(gains):.2f}): that is what "
        "there was to gain."
    )
