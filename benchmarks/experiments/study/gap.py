"""The error on slides that trained a network, beside that on others: the generalisation gap.

Where the two are alike, little can be won by generalising better: either the inputs do not
determine what is left, or the network cannot express it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.study.commands import Deadline
from experiments.study.design import Design
from experiments.study.record import write_json
from experiments.study.slide_errors import Sums, pooled
from experiments.study.slides import Place
from experiments.study.tables import markdown
from experiments.study.testing import measure, predict, run_of

FILE = "gap.json"
SUBSETS = ("train", "validation", "test")
Gaps = Mapping[str, Mapping[str, Any]]  # piece: subset: sums of its pixels


def measure_gaps(design: Design, place: Place, deadline: Deadline) -> Path:
    """Predict all slides of every finished piece whose run is still there.

    Args:
        design: of the study.
        place: of runs and records; gets ``gap.json``, whose other entries are kept.
        deadline: when to stop.
    """
    found = dict(read_gaps(place.records))
    for piece in design.pieces():
        run = run_of(piece, place)
        if run is None or piece.name in found:
            continue
        found[piece.name] = {
            subset: vars(pooled([Sums(**each["raw"]) for each in slides.values()]))
            for subset, slides in _slides(run, deadline).items()
        }
        write_json(found, place.records / FILE)
    return place.records / FILE


def read_gaps(records: Path) -> Gaps:
    """What was measured so far."""
    path = records / FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def gaps(found: Gaps, data: str) -> str:
    """One row for each network, mean over its seeds: R² of each subset, its pixels as one image."""
    seeds: dict[str, list[list[float]]] = {}
    for name, subsets in found.items():
        source, piece = name.split("/")
        if source == data:
            r2 = [Sums(**subsets[subset]).r2 for subset in SUBSETS]
            seeds.setdefault(piece.rpartition("-")[0], []).append(r2)
    if not seeds:
        return f"Not measured for `{data}`: `python benchmarks/experiments/study gap`."
    heads = ("network", "R² of training slides", "of validation slides", "of test slides", "seeds")
    rows = [
        [f"`{name}`", *(f"{mean:.3f}" for mean in np.mean(values, axis=0)), str(len(values))]
        for name, values in seeds.items()
    ]
    return markdown(heads, rows)


def _slides(run: Path, deadline: Deadline) -> dict[str, dict[str, Any]]:
    """Errors of every slide, by subset and name."""
    from hrpn_tf.runs import open_run

    paths = [str(slide.path) for slide in open_run(run).slides()]
    folder = predict(run, run / "predictions-all", paths, deadline)
    return {subset: measure(run, folder, subset) for subset in SUBSETS}
