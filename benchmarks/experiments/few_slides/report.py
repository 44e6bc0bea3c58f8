"""Table and picture: error by the number of training fields."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.few_slides.design import SCRATCH, STARTED
from experiments.study.report import fill
from experiments.study.slide_errors import Sums, pooled
from experiments.study.tables import markdown
from hrpn_tf.files import atomic_path

_TITLES = {SCRATCH: "random weights", STARTED: "a trained network"}
Scores = dict[tuple[str, int], list[tuple[float, float]]]  # origin, number: R², smoothed R² by seed


def write_report(results: Path, picture: Path, docs: Path | None) -> str:
    """Draw the picture and fill the page; gives the table.

    Args:
        results: folder of the records.
        picture: PNG, replaced.
        docs: a page with a part ``<!-- study: table -->``.
    """
    records = [json.loads(path.read_text("utf-8")) for path in sorted(results.glob("*.json"))]
    found = scores(records)
    if found:
        draw(found, picture)
    text = table(found)
    if docs is not None:
        filled = fill(docs.read_text(encoding="utf-8"), {"table": text})
        with atomic_path(docs, overwrite=True) as temporary:
            temporary.write_text(filled, encoding="utf-8")
    return text


def scores(records: Sequence[Mapping[str, Any]]) -> Scores:
    """R² of all tested fields as one image, raw and smoothed, one for each complete seed.

    A seed is complete where every field was tested that any seed tested.
    """
    folds = {record["fold"] for record in records}
    found: dict[tuple[str, int, int], dict[int, Any]] = defaultdict(dict)
    for record in records:
        key = record["origin"], record["number"], record["seed"]
        found[key][record["fold"]] = record["errors"]
    complete: Scores = defaultdict(list)
    for (origin, number, _), errors in sorted(found.items()):
        if set(errors) == folds:
            both = [pooled([Sums(**each[kind]) for each in errors.values()]).r2
                    for kind in ("raw", "smoothed")]  # fmt: skip
            complete[origin, number].append((both[0], both[1]))
    return dict(complete)


def table(found: Scores) -> str:
    """One row for each number of fields."""
    heads = ["training fields"]
    for title in _TITLES.values():
        heads += [f"R² from {title}", "smoothed", "seeds"]
    rows = []
    for number in sorted({number for _, number in found}):
        row = [str(number)]
        for origin in _TITLES:
            seeds = found.get((origin, number), [])
            row += [*(_spread([each[k] for each in seeds]) for k in (0, 1)), str(len(seeds))]
        rows.append(row)
    return markdown(heads, rows) if rows else "No training is finished yet."


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    text = f"{np.mean(values):.3f}"
    return f"{text} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else text


def draw(found: Scores, out: Path) -> None:
    """R² by the number of training fields; a point for each seed, a line through the means."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes = figure.subplots()
    for (origin, title), colour in zip(_TITLES.items(), ("#7a7a7a", "#0b6fa4"), strict=True):
        numbers = sorted(number for known, number in found if known == origin)
        if not numbers:
            continue
        for number in numbers:
            raw = [each[0] for each in found[origin, number]]
            axes.plot([number] * len(raw), raw, ".", color=colour, markersize=6)
        means = [np.mean([each[0] for each in found[origin, number]]) for number in numbers]
        axes.plot(numbers, means, color=colour, label=f"from {title}")
    axes.set_xlabel("training fields")
    axes.set_ylabel("R² on held-out fields")
    axes.set_xticks(sorted({number for _, number in found}))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
