"""The files of a plan, and what the terminal shows of it."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.evaluation.intervals.conformal import needed_groups
from hrpn_tf.evaluation.planning.coverage import LEVELS, SHORTFALL, groups_for
from hrpn_tf.evaluation.planning.curve import NEGLIGIBLE, LearningCurve
from hrpn_tf.evaluation.planning.plots import draw_plan
from hrpn_tf.evaluation.tables import aligned
from hrpn_tf.files import atomic_path
from hrpn_tf.text import csv_text, markdown
from hrpn_tf.workflows.plan.result import Plan, Trained

SCHEMA = "hrpn-tf plan 1"
PICTURES = ("plan.png", "plan.svg")


def write_plan(plan: Plan) -> None:
    """Write all files of a plan, in place of older ones."""
    texts = {
        "plan.json": json.dumps(to_json(plan), indent=2) + "\n",
        "plan.csv": _curve_csv(plan),
        "candidates.csv": _candidates_csv(plan) if plan.ranked else None,
        "plan.md": f"# Plan\n\n{to_markdown(plan)}",
    }
    for name, text in texts.items():
        if text is not None:
            with atomic_path(plan.folder / name, overwrite=True) as temporary:
                temporary.write_text(text, encoding="utf-8")
    curves = [
        (label, curve)
        for label, curve in (
            ("MSE, grey levels²", plan.error),
            (f"width of {plan.coverage_level:.0%} intervals, grey levels", plan.width),
        )
        if curve is not None
    ]
    with ExitStack() as stack:
        places = [
            stack.enter_context(atomic_path(plan.folder / name, overwrite=True))
            for name in PICTURES
        ]
        draw_plan(curves, plan.training_groups, places)


def to_markdown(plan: Plan) -> str:
    """All tables, with what limits them."""
    parts = []
    if plan.error is not None and plan.width is not None:
        parts += [
            "## Error and width with more training groups",
            f"Measured on {len(plan.held_back)} group(s) that never trained "
            f"({markdown(', '.join(plan.held_back))}).",
            _measured_table(plan),
            _outlook_table(plan),
            f"{sentence('error', plan.error)}\n{sentence('width', plan.width)}",
        ]
    parts += ["## Coverage with more calibration groups", _coverage_table(plan), _needed(plan)]
    if plan.ranked:
        parts += [
            "## Slides to measure next",
            _candidate_table(plan),
            _how_ranked(plan),
            _unlike(plan),
        ]
    if plan.notes:
        parts.append("\n".join(f"- {markdown(note)}." for note in plan.notes))
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def sentence(what: str, curve: LearningCurve) -> str:
    """Whether more groups help, in words.

    Args:
        what: is measured, "error" or "width".
        curve: of it.
    """
    if curve.doubling is None:
        return f"The data cannot tell how the {what} falls."
    low, middle, high = curve.doubling
    change = f"{middle:.2f} times the {what} now ({low:.2f} to {high:.2f})"
    words = {
        "falls": f"Twice as many groups reduce the {what}: {change}.",
        "flat": f"Twice as many groups hardly change the {what}: {change}.",
        "cannot tell": f"The data cannot tell whether twice as many groups reduce the {what} by "
        f"{NEGLIGIBLE:.0%} or more: {change}.",
    }
    return words[curve.verdict]


def to_json(plan: Plan) -> dict[str, Any]:
    """``plan.json``."""
    level = plan.coverage_level
    return {
        "schema": SCHEMA,
        "run": plan.run.folder.name,
        "network": plan.run.checksum,
        "training_groups": plan.training_groups,
        "held_back_groups": list(plan.held_back),
        "calibration_groups": plan.calibration_groups,
        "steps": plan.steps,
        "shorten": plan.shorten,
        "missing_trainings": plan.missing,
        "trainings": [_training_json(each, level) for each in plan.trained],
        "error": None if plan.error is None else {"unit": "grey levels^2", **plan.error.to_json()},
        "width": None
        if plan.width is None
        else {"unit": "grey levels", "coverage": level, **plan.width.to_json()},
        "coverage": [each.to_json() for each in plan.coverage],
        "groups_needed": [
            {"coverage": each, "guaranteed": needed_groups(each), "reliable": groups_for(each)}
            for each in LEVELS
        ],
        "networks": plan.networks,
        "candidates": [_candidate_row(plan, i) for i in range(len(plan.ranked))],
        "notes": list(plan.notes),
    }


def _training_json(each: Trained, coverage: float) -> dict[str, Any]:
    return {
        "draw": each.subset.draw,
        "groups": list(each.subset.groups),
        "run": each.run.folder.name,
        "held_back": {
            group: {"mse": e.mse, "variance": e.variance, "width": e.width(coverage)}
            for group, e in each.errors.items()
        },
    }


def _measured_table(plan: Plan) -> str:
    rows = [["training groups", "trainings", "MSE", "least", "largest", "R²", "width"]]
    for size in sorted({len(each.subset.groups) for each in plan.trained}):
        own = [each for each in plan.trained if len(each.subset.groups) == size]
        mse = [np.mean([e.mse for e in each.errors.values()]) for each in own]
        widths = [[e.width(plan.coverage_level) for e in each.errors.values()] for each in own]
        rows.append(
            [str(size), str(len(own)), *(f"{v:.4g}" for v in (np.mean(mse), min(mse), max(mse))),
             _r2(own), f"{np.mean(widths):.4g}"]
        )  # fmt: skip
    return aligned(rows, left=0)


def _r2(trained: Sequence[Trained]) -> str:
    """Mean over trainings and groups; a constant target has none."""
    errors = [e for each in trained for e in each.errors.values()]
    if any(e.variance <= 0 for e in errors):
        return "-"
    return f"{np.mean([1 - e.mse / e.variance for e in errors]):.3f}"


def _outlook_table(plan: Plan) -> str:
    assert plan.error is not None
    assert plan.width is not None
    if not plan.error.outlook:
        return "No prediction for more groups can be made."
    rows = [["training groups", "MSE, predicted", "95 % interval", "width, predicted",
             "95 % interval"]]  # fmt: skip
    for error, width in zip(plan.error.outlook, plan.width.outlook, strict=True):
        cells = [str(error.groups)]
        for each in (error, width):
            ends = "-" if each.low is None else f"{each.low:.4g} to {each.high:.4g}"
            cells += [f"{each.error:.4g}", ends]
        rows.append(cells)
    about = f"\nIntervals: {plan.error.about}.\n" if plan.error.about else ""
    return aligned(rows, left=0) + about


def _coverage_table(plan: Plan) -> str:
    heads = ["calibration groups", "most that can be guaranteed"]
    heads += [f"{level:.0%}" for level in LEVELS]
    rows = [heads]
    for groups in dict.fromkeys(each.groups for each in plan.coverage):
        own = [each for each in plan.coverage if each.groups == groups]
        now = " (now)" if groups == plan.calibration_groups else ""
        cells = [f"{groups}{now}", f"{own[0].highest:.3f}"]
        for each in own:
            if each.quantile is None:
                cells.append("-")
            else:
                cells.append(f"{each.quantile:.3f}; {each.low:.2f} to {each.high:.2f}")
        rows.append(cells)
    return aligned(rows, left=0)


def _needed(plan: Plan) -> str:
    levels = [f"{level:.0%}" for level in LEVELS]
    least = [str(needed_groups(level)) for level in LEVELS]
    sure = [str(groups_for(level) or "more than 10 000") for level in LEVELS]
    return (
        "For each coverage: the quantile of the scores that the intervals reach to, and between "
        "what the coverage of 90 % of all calibrations lies in the worst case, in which a group is "
        "covered as a whole or not at all.\n\n"
        f"Groups needed to guarantee {_and(levels)}: {_and(least)}. The guarantee is a mean over "
        f"calibrations; that one calibration misses the coverage by {100 * SHORTFALL:g} points "
        f"or more in at most 5 % of the cases takes {_and(sure)} in the worst case. Now "
        f"{plan.calibration_groups} group(s) can calibrate, those that picked the checkpoint."
    )


def _candidate_table(plan: Plan) -> str:
    rows = [["slide", "group", "place", "disagreement", "distance", "novelty", "value"]]
    for ranked in plan.ranked:
        own = ranked.candidate
        known = "-" if own.disagreement is None else f"{own.disagreement:.3g}"
        rows.append(
            [markdown(own.name), markdown(own.group), str(ranked.place), known,
             f"{own.distance:.2f}", f"{ranked.novelty:.2f}", f"{ranked.value:.2f}"]
        )  # fmt: skip
    return aligned(rows, left=2)


def _unlike(plan: Plan) -> str:
    """Slides that are out of distribution, and why."""
    unlike = [ranked.candidate for ranked in plan.ranked if ranked.candidate.reasons]
    if not unlike:
        return ""
    lines = [f"- {markdown(own.name)}: {markdown('; '.join(own.reasons))}." for own in unlike]
    return (
        "Unlike the training slides, so that they may teach much or be faulty; look at them "
        "first:\n\n" + "\n".join(lines)
    )


def _how_ranked(plan: Plan) -> str:
    networks = (
        f"how much {plan.networks} networks differ, grey levels"
        if plan.networks
        else "not known without further networks"
    )
    return (
        f"disagreement: {networks}. distance: from the training slides, where 1 is the limit of "
        "the out-of-distribution check. novelty: distance from the training slides and the "
        "candidates above. value: mean rank of disagreement and novelty among those left."
    )


def _curve_csv(plan: Plan) -> str:
    heads = ["quantity", "kind", "groups", "draw", "value", "low", "high"]
    rows: list[list[object]] = []
    for name, curve in (("mse", plan.error), ("width", plan.width)):
        if curve is None:
            continue
        rows += [[name, "measured", m.groups, m.draw, m.mean, None, None] for m in curve.measured]
        rows += [[name, "predicted", o.groups, None, o.error, o.low, o.high] for o in curve.curve]
    rows += [
        [f"coverage {each.coverage:g}", "guaranteed", each.groups, None, each.guaranteed, each.low,
         each.high]
        for each in plan.coverage
    ]  # fmt: skip
    return csv_text(heads, rows)


def _candidates_csv(plan: Plan) -> str:
    rows = [_candidate_row(plan, i) for i in range(len(plan.ranked))]
    for row in rows:
        row["reasons"] = "; ".join(row["reasons"])
    return csv_text(list(rows[0]), [list(row.values()) for row in rows])


def _candidate_row(plan: Plan, index: int) -> dict[str, Any]:
    ranked = plan.ranked[index]
    own = ranked.candidate
    return {
        "place": ranked.place,
        "slide": own.name,
        "group": own.group,
        "disagreement": own.disagreement,
        "distance": own.distance,
        "novelty": ranked.novelty,
        "value": ranked.value,
        "reasons": list(own.reasons),
    }


def _and(texts: Sequence[str]) -> str:
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def files_of(folder: Path, candidates: bool) -> str:
    """The files of a plan in words."""
    own = ["plan.md", "plan.json", "plan.csv", *(["candidates.csv"] if candidates else [])]
    return f"{folder}: {', '.join([*own, *PICTURES])}"
