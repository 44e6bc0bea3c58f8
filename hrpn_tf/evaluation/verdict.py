"""What an evaluation says, in plain words: how good, where it fails, what to try."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from hrpn_tf.evaluation.baselines.baselines import MODEL, WITHOUT_ANCHOR
from hrpn_tf.evaluation.error_floor.estimate import explained
from hrpn_tf.evaluation.evaluation import POOLED, Evaluation
from hrpn_tf.text import counted

Row = Mapping[str, Any]

# Differences that a user should know of. They are judgement; smaller ones are not worth a sentence.
_STRENGTH = 0.03  # of R², that one gain and offset per slide would add
_PATTERN = 0.2  # R² of the pattern alone, below which there is none to speak of
_INVERTED = 0.3  # of Pearson's r, below 0
_BIAS = 0.1  # of the measured mean
_TAIL_ERROR = 0.2  # of the squared error, in the brightest pixels
_TAIL_LOSS = 0.1  # of their measured mean, that is not predicted
_OUTLIER = 0.1  # of R², below the median of the slides
_EQUAL = 0.98  # times the baseline's MSE: no better

_ANCHOR = (
    "scale each animal by its measured mean uptake (hrpn-tf predict --anchor), if staining or dose "
    "differ between animals."
)
CROSS_VALIDATE = "test each animal in turn (hrpn-tf crossval)."


@dataclass(frozen=True)
class Verdict:
    """Sentences of plain text. Names of slides and baselines stand in them as files state them.

    Attributes:
        lead: whether the network predicts better than the baselines, and by how much.
        findings: where its error comes from, the most important first.
        advice: what to try; one sentence for each finding that something can be done about.
    """

    lead: str
    findings: tuple[str, ...]
    advice: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"lead": self.lead, "findings": list(self.findings), "advice": list(self.advice)}

    def lines(self) -> list[str]:
        """The lead, the findings, and the advice after "Try:"."""
        return [self.lead, *self.findings, *(f"Try: {each}" for each in self.advice)]


def verdict(rows: Sequence[Row], floor: Mapping[str, Any] | None = None) -> Verdict:
    """Judge an evaluation by its rows for whole slides, as predicted.

    Args:
        rows: rows of ``metrics.json``; others than those of the view "float" and the region "whole"
            are ignored.
        floor: values of ``error-floor.json``, if it was estimated.

    Raises:
        ValueError: no row of the network over all slides.

    Example:
        >>> row = {"view": "float", "region": "whole", "subset": "test", "pixels": 100, "bias": 0.0,
        ...     "r2": 0.8, "pearson": 0.9, "mse": 2.0, "true": {"mean": 5.0, "sd": 3.2}}
        >>> mean = {**row, "predictor": "mean", "r2": 0.0, "mse": 10.0}
        >>> network = {**row, "predictor": "model"}
        >>> found = verdict([{**each, "slide": s} for s in "ab" for each in (network, mean)]
        ...     + [{**each, "slide": "pooled"} for each in (network, mean)])
        >>> print(found.lead)
        The network predicts better than each baseline: its MSE is 0.20 times that of mean, and lower on 2 of 2 slides (R² 0.80 for 0.00).
    """  # noqa: E501
    whole = [row for row in rows if (row["view"], row["region"]) == ("float", "whole")]
    network = {row["slide"]: row for row in whole if row["predictor"] == MODEL}
    if POOLED not in network:
        raise ValueError(f"no row of {MODEL} for {POOLED}")
    pooled = network.pop(POOLED)
    if pooled.get("mse") is None:
        return Verdict("No pixel was compared.", (), ())
    # all pixels of a slide may have given its anchor
    network = {name: row for name, row in network.items() if row["pixels"]}
    others = [row for row in whole if row["predictor"] not in (MODEL, WITHOUT_ANCHOR)]
    reached = _reached(pooled, network)
    lead, advice = _lead(pooled, network, others, reached)
    told = [
        _explained(floor, any(row["predictor"] == WITHOUT_ANCHOR for row in whole)),
        _inverted(network),
        _strength(pooled, reached),
        _brightest(pooled),
        _bias(pooled, reached),
        _outlier(network),
        _slides(network),
    ]
    found = [each for each in told if each is not None]
    return Verdict(
        lead,
        tuple(finding for finding, _ in found),
        tuple(dict.fromkeys([*advice, *(each for _, each in found if each)])),
    )


def verdict_of(evaluation: Evaluation, floor: Mapping[str, Any] | None = None) -> Verdict:
    """Judge an evaluation; see :func:`verdict`."""
    return verdict(evaluation.to_json()["rows"], floor)


def _lead(
    pooled: Row, network: Mapping[str, Row], others: Sequence[Row], reached: float | None
) -> tuple[str, list[str]]:
    """Network against the best baseline; advice where its pattern is no better, either."""
    if pooled["r2"] is None:
        return "The measured target is constant: R² is undefined.", []
    shown = f"R² {_two(pooled['r2'])}"
    if pooled["r2"] < 0:
        shown += ", worse than the mean of these slides"
    rivals = [row for row in others if row["slide"] == POOLED and row.get("mse") is not None]
    if not rivals:
        return f"{shown}; no baseline was evaluated, so there is nothing to compare it with.", []
    best = min(rivals, key=lambda row: row["mse"])
    ratio = math.inf if best["mse"] == 0 else pooled["mse"] / best["mse"]
    theirs = {
        row["slide"]: row["mse"]
        for row in others
        if row["predictor"] == best["predictor"] and row.get("mse") is not None
    }
    pairs = [(row["mse"], theirs[s]) for s, row in network.items() if s in theirs]
    lower = sum(ours < other for ours, other in pairs)
    compared = (
        f"its MSE is {_factor(ratio)} times that of {best['predictor']}, and lower on {lower} of "
        f"{counted(len(pairs), 'slide')} (R² {_two(pooled['r2'])} for {_two(best['r2'])})"
    )
    if ratio < _EQUAL:
        return f"The network predicts better than each baseline: {compared}.", []
    lead = f"The network predicts no better than a baseline: {compared}."
    if reached is not None and reached > max(_PATTERN, best["r2"] or 0.0) + _STRENGTH:
        return lead, []  # more training is not what it lacks
    return (
        lead,
        [
            "train longer; look at a picture of each slide whether inputs and target lie on one "
            "another, and whether the channels have the right roles (hrpn-tf inspect)."
        ],
    )


def _explained(floor: Mapping[str, Any] | None, anchored: bool) -> tuple[str, str] | None:
    """The share of what can be explained, between its bounds; an anchor explains nothing."""
    shares = (floor or {}).get("network_share_of_explainable")
    if not isinstance(shares, list) or not all(isinstance(each, float | int) for each in shares):
        return None
    it = "Without its anchor it" if anchored else "It"
    return f"{it} {explained(shares)}.", ""


def _reached(pooled: Row, network: Mapping[str, Row]) -> float | None:
    """R² with the best gain and offset for each slide; a gain below 0 would be another pattern."""
    total, left = pooled["pixels"] * pooled["true"]["sd"] ** 2, 0.0
    if pooled["r2"] is None or total == 0:
        return None
    for row in network.values():
        square = row["pixels"] * row["true"]["sd"] ** 2
        left += square * (1 - max(row["pearson"] or 0.0, 0.0) ** 2)
    return float(1 - left / total)


def _inverted(network: Mapping[str, Row]) -> tuple[str, str] | None:
    """Slides on which bright and dark are exchanged."""
    slides = [name for name, row in network.items() if (row["pearson"] or 0.0) < -_INVERTED]
    if not slides:
        return None
    which = counted(len(network), "slide")
    return (
        f"On {len(slides)} of {which} it predicts little where much is measured, and much where "
        "little is.",
        "see whether the measured channel is inverted, or another one (hrpn-tf inspect).",
    )


def _strength(pooled: Row, reached: float | None) -> tuple[str, str] | None:
    """What one gain and one offset for each slide would add to R²."""
    if reached is None or reached - pooled["r2"] < _STRENGTH:
        return None
    if reached < _PATTERN:
        return (
            "Not even the pattern is right: with the best gain and offset for each slide, R² "
            f"would be {_two(reached)}.",
            "",
        )
    return (
        f"The pattern is better than the amounts: with the best gain and offset for each slide, R² "
        f"would be {_two(reached)} in place of {_two(pooled['r2'])}.",
        _ANCHOR,
    )


def _brightest(pooled: Row) -> tuple[str, str] | None:
    """How much of the error is in the brightest pixels, where it is much."""
    found = pooled.get("brightest")
    if not found or found["true"] <= 0 or found["error_share"] < _TAIL_ERROR:
        return None
    text = (
        f"The brightest {100 * found['share']:.2g} % of the pixels ({_level(found['above'])} grey "
        f"levels and more) hold {100 * found['error_share']:.0f} % of the squared error: measured "
        f"{_level(found['true'])} on average, predicted {_level(found['predicted'])}."
    )
    lost = 1 - found["predicted"] / found["true"]
    if lost < _TAIL_LOSS:
        return text, ""
    return text, (
        "draw bright places more often (training.sampling=target); part of it may be noise, which "
        "no network predicts."
    )


def _bias(pooled: Row, reached: float | None) -> tuple[str, str] | None:
    """Too much or too little on average; a scale helps only where there is a pattern."""
    mean = pooled["true"]["mean"]
    if mean <= 0 or abs(pooled["bias"]) < _BIAS * mean:
        return None
    how = "much" if pooled["bias"] > 0 else "little"
    return (
        f"On average it predicts {100 * abs(pooled['bias']) / mean:.0f} % too {how}: "
        f"{_level(mean + pooled['bias'])} in place of {_level(mean)} grey levels.",
        "" if reached is not None and reached < _PATTERN else _ANCHOR,
    )


def _outlier(network: Mapping[str, Row]) -> tuple[str, str] | None:
    """The slide that is predicted much worse than the others, where these are predicted at all."""
    r2 = {name: row["r2"] for name, row in network.items() if row["r2"] is not None}
    if len(r2) < 3:
        return None
    worst = min(r2, key=lambda name: r2[name])
    middle = median(r2.values())
    if middle < 0 or middle - r2[worst] < _OUTLIER:
        return None
    return (
        f"The slide that is predicted worst is {worst}: R² {_two(r2[worst])}, median of all "
        f"{_two(middle)}.",
        f"see whether predict warned that {worst} is unlike the training slides, and look at its "
        "picture.",
    )


def _slides(network: Mapping[str, Row]) -> tuple[str, str] | None:
    """What the slides cannot tell: between animals, or of slides that the training knew."""
    subsets = {row["subset"] for row in network.values()}
    if known := sorted(subsets & {"train", "validation"}):
        return (
            f"Some of the slides belong to the subset {' and '.join(known)} of the run: the errors "
            "of new slides are larger.",
            "",
        )
    groups = {row.get("group") or name for name, row in network.items()}
    if len(groups) > 1:
        return None
    return (
        "All slides are of one animal: how the error varies between animals is not known.",
        CROSS_VALIDATE,
    )


def _two(value: float | None) -> str:
    """Two decimals with a true minus sign; more would not hold on other slides."""
    # adding 0 makes 0 of -0
    return "-" if value is None else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def _factor(value: float) -> str:
    if value < 0.01:
        return "less than 0.01"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _level(value: float) -> str:
    text = f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return text.replace("-", "−")
