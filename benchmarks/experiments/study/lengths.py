"""The error of each network by the length of its training, finished or not."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.study.slide_errors import Sums, pooled
from experiments.study.tables import markdown, short_processor


def read_trainings(results: Path) -> list[dict[str, Any]]:
    """The records of all trainings."""
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((results / "trainings").glob("*.json"))
    ]


def lengths(trainings: Iterable[Mapping[str, Any]], data: str, networks: Sequence[str]) -> str:
    """One row for each network, one column for each length: validation MSE and, tested, test MSE.

    Of trainings with several learning rates or losses, the one with the least validation error
    counts; seed 0 alone. The last column says on which processors, since core-hours of different
    ones cannot be compared.

    Args:
        trainings: records.
        data: name of the data set.
        networks: names, in the order of the rows.
    """
    best: dict[tuple[str, float], Mapping[str, Any]] = {}
    for each in trainings:
        if each["data"] == data and each["settings"]["seed"] == 0:
            key = each["network"], each["curve"][-1]["pixels"]
            if key not in best or each["error"] < best[key]["error"]:
                best[key] = each
    columns = sorted({pixels for _, pixels in best})
    rows = [
        [
            f"`{name}`",
            *(_cell(best.get((name, pixels))) for pixels in columns),
            _machines(each for (known, _), each in best.items() if known == name),
        ]
        for name in networks
        if any(name == known for known, _ in best)
    ]
    if not rows:
        return f"No training of `{data}` is finished yet."
    return markdown(
        ("network", *(f"{pixels / 1e6:,.0f} million pixels" for pixels in columns), "processor"),
        rows,
    )


def _machines(trainings: Iterable[Mapping[str, Any]]) -> str:
    """The processors that core-hours of a row refer to."""
    return ", ".join(sorted({short_processor(each["processor"]) for each in trainings}))


def _cell(training: Mapping[str, Any] | None) -> str:
    if training is None:
        return "-"
    hours = training["curve"][-1]["core_seconds"] / 3600
    errors = f"{training['error']:.2f}"
    if slides := training["slides"]:
        errors += f" (test {pooled([Sums(**each['raw']) for each in slides.values()]).mse:.2f})"
    return f"{errors}, {hours:.2f} core-hours"
