"""Tables and picture: error by the number of training slides."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.few_slides.design import NUMBERS, REAL, SCRATCH, SIMULATED, STARTED, records_of
from experiments.study.report import fill
from experiments.study.slide_errors import Sums, pooled
from experiments.study.tables import markdown
from hrpn_tf.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# part of the page: title of its panel, and data set
_PARTS = {"table": ("real fields", REAL), "shifted": ("simulated animals", SIMULATED)}
_TITLES = {SCRATCH: "random weights", STARTED: "a trained network"}
Scores = dict[tuple[str, int], list[tuple[float, float]]]  # origin, number: R², smoothed R² by seed


def write_report(results: Path, picture: Path, docs: Path | None) -> str:
    """Draw the picture and fill the page; gives the tables.

    Args:
        results: folder of the records of the real fields; those of simulated animals lie below.
        picture: PNG, replaced.
        docs: a page with parts ``<!-- study: table -->`` and ``<!-- study: shifted -->``.
    """
    records = read_all(results)
    found = {_PARTS[part][0]: scores(each) for part, each in records.items() if each}
    if found:
        draw(found, picture)
    texts = parts(records)
    if docs is not None:
        filled = fill(docs.read_text(encoding="utf-8"), texts)
        with atomic_path(docs, overwrite=True) as temporary:
            temporary.write_text(filled, encoding="utf-8")
    return "\n\n".join(texts.values())


def parts(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """The tables of the page, by the names of its parts."""
    return {part: table(scores(each), ratios(each)) for part, each in records.items()}


def read_all(results: Path) -> dict[str, list[dict[str, Any]]]:
    """The records of each data set, by the names of the parts of the page."""
    return {part: read_records(records_of(results, data)) for part, (_, data) in _PARTS.items()}


def read_records(results: Path) -> list[dict[str, Any]]:
    """The records of all trainings."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(results.glob("*.json"))]


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


def ratios(records: Sequence[Mapping[str, Any]]) -> dict[int, list[float]]:
    """By number: MSE from a trained network over that from random weights, field by field."""
    errors = {
        (each["origin"], each["number"], each["fold"], each["seed"]): each["errors"]["raw"]["mse"]
        for each in records
    }
    found: dict[int, list[float]] = defaultdict(list)
    for (origin, *key), mse in sorted(errors.items()):
        if origin == STARTED and (SCRATCH, *key) in errors:
            found[key[0]].append(mse / errors[SCRATCH, *key])
    return dict(found)


def table(found: Scores, compared: Mapping[int, Sequence[float]]) -> str:
    """One row for each number of slides, and the goals.

    Args:
        found: see :func:`scores`.
        compared: see :func:`ratios`.
    """
    heads = ["training slides"]
    for title in _TITLES.values():
        heads += [f"R² from {title}", "smoothed", "seeds"]
    heads += ["MSE from a trained network over that from random weights", "range over slides"]
    rows = []
    for number in sorted({number for _, number in found}):
        row = [str(number)]
        for origin in _TITLES:
            seeds = found.get((origin, number), [])
            row += [*(_spread([each[k] for each in seeds]) for k in (0, 1)), str(len(seeds))]
        rows.append([*row, *_ratio(compared.get(number, ()))])
    if not rows:
        return "No training is finished yet."
    measured = markdown(["goal", "measured", ""], goals(found), 3)
    return "\n\n".join([markdown(heads, rows), by_seed(found, compared), measured])


def by_seed(found: Scores, compared: Mapping[int, Sequence[float]]) -> str:
    """R² of each seed, and in how many trainings the error was lower than from random weights."""
    rows = []
    for origin, number in sorted(found, key=lambda key: (key[1], key[0])):
        values = ", ".join(f"{raw:.3f}" for raw, _ in found[origin, number])
        each = compared.get(number, ()) if origin == STARTED else ()
        lower = f"{sum(ratio < 1 for ratio in each)} of {len(each)}" if each else "-"
        rows.append([f"{number}, from {_TITLES[origin]}", values, lower])
    return markdown(["training slides", "R² of each seed", "trainings with a lower MSE"], rows)


def _ratio(values: Sequence[float]) -> list[str]:
    """Geometric mean and range."""
    if not values:
        return ["-", "-"]
    mean = float(np.exp(np.mean(np.log(values))))
    return [f"{mean:.3f}", f"{min(values):.3f} to {max(values):.3f}"]


def goals(found: Scores) -> list[list[str]]:
    """What was to be reached with a trained network, what was, and the verdict."""
    mean = {key: float(np.mean([raw for raw, _ in seeds])) for key, seeds in found.items()}
    most = max(NUMBERS)
    wanted = [
        ("2 slides at least as good as 5 from random weights", (STARTED, 2), (SCRATCH, 5)),
        ("1 slide: R² of at least 0.6", (STARTED, 1), 0.6),
        (f"{most} slides: not worse than from random weights", (STARTED, most), (SCRATCH, most)),
    ]
    rows = []
    for what, key, bound in wanted:
        least = bound if isinstance(bound, float) else mean.get(bound)
        if key not in mean or least is None:
            rows.append([what, "-", "not measured"])
            continue
        verdict = "met" if mean[key] >= least else "**missed**"
        rows.append([what, f"R² {mean[key]:.3f} against {least:.3f}", verdict])
    return rows


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    text = f"{np.mean(values):.3f}"
    return f"{text} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else text


def draw(found: Mapping[str, Scores], out: Path) -> None:
    """R² by the number of training slides; a point for each seed, a line through the means.

    Args:
        found: by title of the panel.
        out: PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.2 + 3.6 * len(found), 3.4), layout="constrained")
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (title, each) in zip(panels, found.items(), strict=True):
        _panel(axes, each)
        axes.set_title(title, fontsize=10)
    panels[0].set_ylabel("R² on held-out slides")
    panels[0].legend(frameon=False, loc="lower right")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)


def _panel(axes: "Axes", found: Scores) -> None:
    for (origin, title), colour in zip(_TITLES.items(), ("#7a7a7a", "#0b6fa4"), strict=True):
        numbers = sorted(number for known, number in found if known == origin)
        if not numbers:
            continue
        for number in numbers:
            raw = [each[0] for each in found[origin, number]]
            axes.plot([number] * len(raw), raw, ".", color=colour, markersize=6)
        means = [np.mean([each[0] for each in found[origin, number]]) for number in numbers]
        axes.plot(numbers, means, color=colour, label=f"from {title}")
    axes.set_xlabel("training slides")
    axes.set_xticks(sorted({number for _, number in found}))
    axes.spines[["top", "right"]].set_visible(False)
