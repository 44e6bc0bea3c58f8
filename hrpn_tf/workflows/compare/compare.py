"""Compare runs on the same test slides: collect, check, measure, write."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.console import load_tensorflow
from hrpn_tf.errors import CalibrationError, StoreError, UsageError
from hrpn_tf.evaluation import METRICS, CompareSettings, Metrics, compare, metrics_of
from hrpn_tf.evaluation.baselines.baselines import DISTANCE, MEAN, TREES, baseline_planes
from hrpn_tf.evaluation.comparison.comparison import (
    ComparedSlides,
    Comparison,
    Cost,
    Entry,
    StatedIntervals,
    with_groups,
)
from hrpn_tf.evaluation.comparison.plots import draw_comparison
from hrpn_tf.evaluation.comparison.tables import to_csv, to_json, to_markdown
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path, refuse_existing, refuse_lost_inputs
from hrpn_tf.models.latency import device_in_words, measure_latency, tile_side
from hrpn_tf.progress import Progress
from hrpn_tf.runs import Run, open_run
from hrpn_tf.runs.agreement import refuse_twins
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.simulation.error_floor_files import read_error_floor
from hrpn_tf.workflows.compare.options import ComparisonOptions
from hrpn_tf.workflows.compare.run_results import RunResults, read_results
from hrpn_tf.workflows.compare.same_slides import (
    groups_of,
    in_one_order,
    refuse_different_slides,
)
from hrpn_tf.workflows.evaluate.evaluate import fit_run_baselines
from hrpn_tf.workflows.evaluate.measured_slides import measured_slide

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """A written comparison.

    Attributes:
        folder: folder of tables and figures.
        comparison: the runs, side by side.
    """

    folder: Path
    comparison: Comparison


def compare_runs(
    runs: Mapping[str, Run | Path],
    out: Path,
    *,
    options: ComparisonOptions | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Compared:
    """Compare runs on the same test slides; write tables and figures.

    Runs without an evaluation are first predicted and evaluated on their test slides.

    Args:
        runs: runs by label, each open or a run folder.
        out: folder to write.
        options: reference, baselines, rounds.
        overwrite: replace an existing folder.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        UsageError: two runs hold the same network, they were evaluated on different slides or
            targets, or the reference is unknown.
        RunError: a run folder is incomplete.
        OutputExistsError: the folder exists, and ``overwrite`` is false.
    """
    options = options or ComparisonOptions()
    refuse_existing(out, overwrite)
    folders = [run if isinstance(run, Path) else run.folder for run in runs.values()]
    refuse_lost_inputs(out, folders)
    opened = {label: open_run(run) for label, run in runs.items()}
    for run in opened.values():
        run.network_file()  # an error if there is none
    refuse_twins((label, run.checksum) for label, run in opened.items())
    _refuse_unnamed(options.reference, runs, options.baselines)
    if options.baselines:
        require("--baselines", "sklearn", "threadpoolctl", "cv2")
    results = [read_results(label, run, progress) for label, run in runs.items()]
    refuse_different_slides(results)
    results = in_one_order(results)
    _refuse_unknown(options.reference, results, options.baselines)
    costs, how = _costs(results, options.rounds, progress)
    entries = with_groups([_entry(each, costs[each.label]) for each in results])
    everything = _store_slides(results[0])
    if options.baselines:
        entries += _baselines(results[0], everything, progress)
    slides = _slides(results[0], everything, groups_of(results))
    chosen = options.reference or entries[0].label
    comparison = Comparison(
        slides, tuple(entries), chosen, results[0].peak, (how, *_averaged(results))
    )
    comparison.entry(chosen)  # a baseline may be missing
    with atomic_path(out, overwrite) as folder:
        folder.mkdir()
        (folder / "comparison.md").write_text(to_markdown(comparison), encoding="utf-8")
        (folder / "comparison.csv").write_text(to_csv(comparison), encoding="utf-8")
        (folder / "comparison.json").write_text(to_json(comparison), encoding="utf-8")
        draw_comparison(comparison, folder)
    return Compared(out, comparison)


def _refuse_unnamed(reference: str | None, runs: Mapping[str, Run | Path], baselines: bool) -> None:
    """Refuse a name that nothing can have, before a run is predicted.

    The names of groups, ``PRESET, mean of N``, are known once the runs are read.
    """
    names = [*runs, *([MEAN, DISTANCE, TREES] if baselines else [])]
    if reference is not None and reference not in names and ", mean of " not in reference:
        raise UsageError(
            f"--reference {reference}: nothing of this name; there are {', '.join(names)}, and "
            "the means of runs that differ in their seed"
        )


def _refuse_unknown(reference: str | None, results: Sequence[RunResults], baselines: bool) -> None:
    """Refuse an unknown name before the computation starts."""
    labels = [entry.label for entry in with_groups([_entry(each, Cost()) for each in results])]
    labels += [MEAN, DISTANCE, TREES] if baselines else []
    if reference is not None and reference not in labels:
        raise UsageError(
            f"--reference {reference}: nothing of this name; there are {', '.join(labels)}"
        )


def _entry(results: RunResults, cost: Cost) -> Entry:
    return Entry(
        label=results.label,
        kind="run",
        mse=np.array([row["mse"] for row in results.rows]),
        pooled={name: results.pooled.get(name) for name in METRICS},
        predicted=results.pooled["predicted"],
        intervals=_intervals(results),
        cost=cost,
        preset=results.config.model.preset,
        seed=results.config.training.seed,
        family=results.family,
    )


def _intervals(results: RunResults) -> StatedIntervals | None:
    """The calibrated intervals of a run, as counted on its test slides; None if it has none."""
    if not results.run.is_calibrated:
        return None
    try:
        record = results.run.calibration.record
        row = next(row for row in record["coverage_table"] if row["kind"] == "all")
        return StatedIntervals(
            float(record["coverage"]), float(row["coverage"]), float(row["width"])
        )
    except (CalibrationError, StopIteration, KeyError, TypeError, ValueError) as error:
        logger.warning(f"{results.label}: its prediction intervals are left out: {error}")
        return None


def _costs(
    results: Sequence[RunResults], rounds: int, progress: bool
) -> tuple[dict[str, Cost], str]:
    """Cost of each run, and a sentence about the measurement of latency.

    Runs of one family share the latency of its first run.
    """
    load_tensorflow()
    from hrpn_tf.models.graph import count_macs

    networks, sides, size = {}, {}, {}
    for each in results:
        if each.family not in networks:
            model = each.run.load_network()
            side = tile_side(each.run.contract.stride_multiple)
            networks[each.family], sides[each.family] = model, side
            parameters = sum(math.prod(v.shape) for v in model.trainable_variables)
            size[each.family] = parameters, count_macs(model, side, side) / 1e9
    times = measure_latency(networks, sides, rounds, progress=progress) if rounds else {}
    costs = {
        each.label: Cost(
            parameters=size[each.family][0],
            gmac=size[each.family][1],
            steps_per_second=each.resources.get("steps_per_second"),
            training_memory_mb=each.resources.get("training_memory_mb"),
            latency_ms=times[each.family].median_ms if times else None,
            latency_ratio=times[each.family].ratio if times else None,
        )
        for each in results
    }
    how = f"{rounds} rounds on {device_in_words()}; runs of one family share one measurement"
    return costs, f"Latency: {how if rounds else 'not measured'}."


def _averaged(results: Sequence[RunResults]) -> list[str]:
    """A sentence about the runs whose predictions cost eight times their network, if any."""
    labels = [each.label for each in results if each.symmetries]
    if not labels:
        return []
    return [
        f"Predicted as the mean over the eight orientations of each tile: {', '.join(labels)}; "
        "operations and latency are those of one orientation."
    ]


def _store_slides(results: RunResults) -> tuple[RunSlide, ...]:
    """The slides of a run's patch dataset; empty if it is missing, as that of weights."""
    try:
        return results.run.slides() if results.run.has_slides else ()
    except StoreError:
        return ()


def _slides(
    results: RunResults, everything: Sequence[RunSlide], groups: tuple[str, ...]
) -> ComparedSlides:
    rows, true = results.rows, results.pooled["true"]
    paths = {slide.name: slide.path for slide in everything}
    floors = [
        read_error_floor(paths[row["slide"]], row["true"]["sd"]) if row["slide"] in paths else None
        for row in rows
    ]
    known = [floor for floor in floors if floor is not None]
    return ComparedSlides(
        names=tuple(row["slide"] for row in rows),
        group_names=groups,
        pixels=np.array([row["pixels"] for row in rows], dtype=np.float64),
        true_mean=np.array([row["true"]["mean"] for row in rows]),
        true_sd=np.array([row["true"]["sd"] for row in rows]),
        true_low=true["min"],
        true_high=true["max"],
        true=true,
        floor=np.array(known) if len(known) == len(rows) else None,
        target=results.config.data.target,
    )


def _baselines(results: RunResults, everything: Sequence[RunSlide], progress: bool) -> list[Entry]:
    """Baselines on the test slides; empty, with a warning, if slides are missing."""
    by_name = {slide.name: slide for slide in everything}
    chosen = [by_name.get(row["slide"]) for row in results.rows]
    tests = [slide for slide in chosen if slide is not None and slide.path.exists()]
    if len(tests) < len(chosen):
        logger.warning("no baselines: not all test slides are in the first run's patch dataset")
        return []
    fitted = fit_run_baselines(everything, results.run, results.config, trees=True)
    if fitted is None:
        return []
    settings = CompareSettings(peak=results.peak, rounded=False)
    sums: dict[str, list[Any]] = {}
    pixels = sum(row["pixels"] for row in results.rows)
    bar = Progress("baselines", pixels, "px", shown=progress)
    with bar:
        for slide in tests:
            with measured_slide(slide, results.config) as (measured, _):
                for name, plane in baseline_planes(measured, fitted).items():
                    done = bar.update if name == TREES else None  # by far the slowest
                    found = compare(plane, measured.target, None, settings, done)
                    sums.setdefault(name, []).append(found["float", "whole"])
    return [
        _baseline(
            name,
            [metrics_of(each, results.peak) for each in of_slides],
            metrics_of(sum(of_slides[1:], of_slides[0]), results.peak),
        )
        for name, of_slides in sums.items()
    ]


def _baseline(name: str, of_slides: Sequence[Metrics], pooled: Metrics) -> Entry:
    mse = [each.values["mse"] for each in of_slides]
    return Entry(name, "baseline", np.array(mse, float), pooled.values, pooled.predicted)
