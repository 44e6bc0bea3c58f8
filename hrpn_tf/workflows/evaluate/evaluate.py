"""Compare the predicted slides of a run with the measured target, without TensorFlow."""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.config import Config
from hrpn_tf.errors import StoreError, UsageError
from hrpn_tf.evaluation import (
    Baselines,
    CompareSettings,
    Evaluation,
    common_peak,
    evaluate_slide,
    fit_baselines,
    to_csv,
    to_markdown,
)
from hrpn_tf.evaluation.error_floor.estimate import FILE as ERROR_FLOOR
from hrpn_tf.evaluation.error_floor.estimate import to_markdown as floor_section
from hrpn_tf.evaluation.evaluation import METRICS_FILE, POOLED
from hrpn_tf.evaluation.slide_evaluation import unused_range
from hrpn_tf.evaluation.verdict import Verdict, verdict_of
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path, refuse_existing, refuse_lost_inputs
from hrpn_tf.progress import Progress
from hrpn_tf.runs import Run, open_run
from hrpn_tf.runs.slides import RunSlide, choose_slides
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.names import file_stem
from hrpn_tf.weights.catalogue import weights_in
from hrpn_tf.weights.entry import WeightsEntry
from hrpn_tf.workflows.evaluate.anchors import (
    UsedAnchor,
    anchor_lines,
    anchors_of,
    spatial_anchor_lines,
)
from hrpn_tf.workflows.evaluate.error_floor import floor_slides, measure_floor
from hrpn_tf.workflows.evaluate.first_look import with_caution, without_baselines
from hrpn_tf.workflows.evaluate.measured_slides import (
    measured_slide,
    predicted_plane,
    tissue_plane,
)
from hrpn_tf.workflows.evaluate.options import EvaluationOptions
from hrpn_tf.workflows.evaluate.predictions import Predictions, find_predictions
from hrpn_tf.workflows.evaluate.spatial import SpatialRun

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluated:
    """A written evaluation.

    Attributes:
        folder: folder of tables and figures.
        evaluation: the metrics.
        verdict: what they say.
    """

    folder: Path
    evaluation: Evaluation
    verdict: Verdict


def evaluate_run(
    run: Run | Path,
    slide_list: Path | None = None,
    *,
    out: Path | None = None,
    options: EvaluationOptions | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Evaluated:
    """Compare predicted slides with the measured target; write tables and figures.

    Args:
        run: open run or run folder.
        slide_list: slide list (CSV or YAML), of which all groups but the training and validation
            groups are evaluated; None for the run's test slides.
        out: folder to write; ``RUN/evaluation`` if None.
        options: slides, baselines and metrics.
        overwrite: replace an existing folder.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        RunError: no run, or an incomplete one.
        UsageError, SlideNotFoundError, SlideListError: there is nothing to evaluate.
        MissingPredictionError: a slide is not predicted.
        SlideMismatchError: a prediction is of another slide, of other channels, or of a part.
        OutputExistsError: the folder exists, and ``overwrite`` is false.

    Example:
        >>> evaluate_run(Path("demo/run")).folder  # doctest: +SKIP
        PosixPath('demo/run/evaluation')
    """
    run, options = open_run(run), options or EvaluationOptions()
    weights = weights_in(run.folder)
    if weights is not None:
        options = without_baselines(options, weights.name)
    final = out or run.evaluation
    refuse_existing(final, overwrite)
    if options.trees:
        require("--trees", "sklearn", "threadpoolctl", "cv2")
    if options.error_floor:
        require("--error-floor", "sklearn", "threadpoolctl", "cv2")
    config = _config(run, options)
    everything = run.slides(slide_list)
    slides = choose_slides(everything, options.groups, str(slide_list or run))
    _refuse_pooled(slides)
    folder = options.predictions or run.predictions
    predictions = find_predictions(slides, folder, run, slide_list, config, progress)
    measured = [slide.path for slide in everything]
    refuse_lost_inputs(final, (run.folder, slide_list, *measured, *predictions.paths.values()))
    networks, anchors = predictions.networks(run), anchors_of(predictions.stated)
    of_floor = floor_slides(everything, slides, run) if options.error_floor else []
    in_space = None
    if (how := options.spatial) is not None:
        in_space = SpatialRun(run, config, slides, predictions.path, folder, how, progress)
        in_space.check()
    with atomic_path(final, overwrite) as made:
        made.mkdir()
        if in_space is not None:
            in_space.write(made)
            with (made / "spatial.md").open("a", encoding="utf-8") as file:
                file.write(predictions.resampling_lines() + spatial_anchor_lines(anchors))
        fitted = None
        if options.baselines:
            fitted = fit_run_baselines(everything, run, config, options.trees)
        evaluation = _evaluate(predictions, config, fitted, made, progress, anchors)
        floor = None
        if options.error_floor:
            found = measure_floor(of_floor, predictions.paths, config, evaluation, progress)
            floor = found.to_json()
        verdict = with_caution(verdict_of(evaluation, floor), weights)
        _write(made, evaluation, verdict, predictions, networks, anchors, floor, weights)
    predictions.warn()
    return Evaluated(final, evaluation, verdict)


def _refuse_pooled(slides: Sequence[RunSlide]) -> None:
    """Refuse a slide that the tables could not tell from all slides together."""
    for slide in slides:
        if slide.name == POOLED:
            raise UsageError(
                f"{slide.path}: is called {POOLED}, as all slides together are; give it another "
                "name in a column 'name' of a slide list, and predict it again"
            )


def _write(
    folder: Path,
    evaluation: Evaluation,
    verdict: Verdict,
    predictions: Predictions,
    networks: Sequence[str],
    anchors: Mapping[str, UsedAnchor],
    floor: Mapping[str, Any] | None,
    weights: WeightsEntry | None,
) -> None:
    """The tables: JSON, CSV and Markdown."""
    values = {
        **evaluation.to_json(),
        "networks": networks,
        "verdict": verdict.to_json(),
        "predictions": predictions.to_json(),
        "resampled": {name: how.to_json() for name, how in predictions.resampled.items()},
    }
    if weights is not None:
        values["weights"] = weights.name
    if floor is not None:
        _write_json(folder / ERROR_FLOOR, floor)
    _write_json(folder / METRICS_FILE, values)
    (folder / "metrics.csv").write_text(to_csv(evaluation), encoding="utf-8")
    (folder / "metrics.md").write_text(
        to_markdown(evaluation, verdict)
        + predictions.resampling_lines()
        + predictions.symmetry_lines()
        + anchor_lines(anchors)
        + ("" if floor is None else f"\n{floor_section(floor)}"),
        encoding="utf-8",
    )


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _config(run: Run, options: EvaluationOptions) -> Config:
    """The configuration of the run with the options of this evaluation."""
    for override in options.overrides:
        if not override.startswith(("spatial.", "evaluation.")):
            raise UsageError(
                f"--set {override}: only spatial.* and evaluation.* can be changed after the "
                "training"
            )
    config = run.with_overrides(options.overrides).config
    chosen = {"smooth_px": options.smooth_px, "peak": options.peak}
    section = config.evaluation.model_copy(
        update={key: value for key, value in chosen.items() if value is not None}
    )
    return config.model_copy(update={"evaluation": section})


def fit_run_baselines(
    everything: Sequence[RunSlide], run: Run, config: Config, trees: bool
) -> Baselines | None:
    """Baselines fitted on the training slides of the list, or else of the patch dataset.

    None, with a warning, if the training slides are missing.
    """
    training = [slide for slide in everything if slide.subset == "train"]
    if not training:
        try:
            known = run.slides() if run.has_slides else ()
            training = [slide for slide in known if slide.subset == "train"]
        except StoreError:
            training = []
    if not training or not all(slide.path.exists() for slide in training):
        logger.warning("no baselines: the training slides are not there")
        return None
    with ExitStack() as stack:
        measured = [stack.enter_context(measured_slide(s, config))[0] for s in training]
        return fit_baselines(measured, trees)


def _evaluate(
    predictions: Predictions,
    config: Config,
    baselines: Baselines | None,
    folder: Path,
    progress: bool,
    anchors: Mapping[str, UsedAnchor],
) -> Evaluation:
    """Compare and draw every slide, and report the progress over all slides."""
    infos = {}
    for slide in predictions.slides:
        with open_slide(slide.path, z=config.data.z) as opened:
            infos[slide.name] = opened.info
    stated = config.evaluation.peak or config.data.grey_max
    peak = common_peak({name: i.dtype for name, i in infos.items()}, stated)
    settings = CompareSettings(peak=peak, smooth_px=config.evaluation.smooth_px)
    results = []
    bar = Progress("evaluate", predictions.pixels(), "px", shown=progress)
    with bar:
        for slide in predictions.slides:
            with (
                open_slide(predictions.path(slide)) as predicted,
                measured_slide(slide, config, predicted.info) as (measured, opened),
            ):
                anchor = anchors.get(slide.name, UsedAnchor(1.0))
                results.append(
                    evaluate_slide(
                        measured,
                        predicted_plane(predicted, config),
                        tissue_plane(opened, slide, measured.pixel_size_um, config),
                        settings,
                        baselines=baselines,
                        picture=folder / f"{file_stem(slide.name)}.png",
                        progress=bar.update,
                        factor=anchor.factor if anchors else None,
                        excluded=anchor.excluded(predicted.info),
                    )
                )
    dtype = str(next(iter(infos.values())).dtype)
    if stated is None and (remark := unused_range(results, peak, dtype)):
        logger.warning(remark)
    return Evaluation(tuple(results), peak, settings.smooth_px, dtype, baselines)
