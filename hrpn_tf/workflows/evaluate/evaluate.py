"""Compare the predicted slides of a run with the measured target, without TensorFlow."""

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hrpn_tf.config import Config
from hrpn_tf.errors import MissingPredictionError, StoreError, UsageError
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
from hrpn_tf.evaluation.evaluation import METRICS_FILE
from hrpn_tf.evaluation.slide_evaluation import unused_range
from hrpn_tf.evaluation.verdict import verdict_of
from hrpn_tf.files import atomic_path, refuse_existing
from hrpn_tf.prediction.anchor import FOUND, STATED
from hrpn_tf.prediction.belonging import has_symmetries, warn_of_unknown_input
from hrpn_tf.progress import Progress, tracked
from hrpn_tf.runs import Run, open_run
from hrpn_tf.runs.slides import RunSlide, choose_slides, find_prediction
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.slides.names import file_stem
from hrpn_tf.text import markdown
from hrpn_tf.workflows.evaluate.anchors import (
    UsedAnchor,
    anchor_lines,
    anchors_of,
    spatial_anchor_lines,
)
from hrpn_tf.workflows.evaluate.error_floor import floor_slides, measure_floor
from hrpn_tf.workflows.evaluate.measured_slides import (
    Resampled,
    check_prediction,
    measured_slide,
    predicted_plane,
    resampled,
    tissue_plane,
)
from hrpn_tf.workflows.evaluate.options import EvaluationOptions
from hrpn_tf.workflows.evaluate.spatial import SpatialRun

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluated:
    """A written evaluation.

    Attributes:
        folder: folder of tables and figures.
        evaluation: the metrics.
    """

    folder: Path
    evaluation: Evaluation


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
    final = out or run.evaluation
    refuse_existing(final, overwrite)
    config = _config(run, options)
    everything = run.slides(slide_list)
    slides = choose_slides(everything, options.groups, str(slide_list or run))
    predictions = options.predictions or run.predictions
    _refuse_missing(slides, predictions, run, slide_list)
    _check_all(slides, predictions, config, progress)
    paths = {slide.name: _prediction(predictions, slide) for slide in slides}
    made = {name: read_provenance(path) for name, path in paths.items()}
    networks = _networks(paths, made, run)
    anchors = anchors_of(made)
    others = _resampled(slides, predictions, config)
    of_floor = floor_slides(everything, slides, run) if options.error_floor else []
    in_space = None
    if options.spatial is not None:
        find = partial(_prediction, predictions)
        in_space = SpatialRun(run, config, slides, find, predictions, options.spatial, progress)
        in_space.check()
    with atomic_path(final, overwrite) as folder:
        folder.mkdir()
        if in_space is not None:
            in_space.write(folder)
            with (folder / "spatial.md").open("a", encoding="utf-8") as file:
                file.write(resampled_lines(others) + spatial_anchor_lines(anchors))
        fitted = None
        if options.baselines:
            fitted = fit_run_baselines(everything, run, config, options.trees)
        evaluation = _evaluate(slides, predictions, config, fitted, folder, progress, anchors)
        floor = None
        if options.error_floor:
            floor = measure_floor(of_floor, paths, config, evaluation, progress).to_json()
            text = json.dumps(floor, indent=2) + "\n"
            (folder / ERROR_FLOOR).write_text(text, encoding="utf-8")
        values = {**evaluation.to_json(), "networks": networks}
        values["verdict"] = verdict_of(evaluation, floor).to_json()
        values["predictions"] = {name: _made_of(each) for name, each in made.items()}
        values["resampled"] = {name: how.to_json() for name, how in others.items()}
        (folder / METRICS_FILE).write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        (folder / "metrics.csv").write_text(to_csv(evaluation), encoding="utf-8")
        (folder / "metrics.md").write_text(
            to_markdown(evaluation, verdict_of(evaluation, floor))
            + resampled_lines(others)
            + _symmetry_lines(made)
            + anchor_lines(anchors)
            + ("" if floor is None else f"\n{floor_section(floor)}"),
            encoding="utf-8",
        )
    _warn_of_predictions(paths, made)
    return Evaluated(final, evaluation)


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


def _refuse_missing(
    slides: Sequence[RunSlide], predictions: Path, run: Run, slide_list: Path | None
) -> None:
    missing = [s.name for s in slides if find_prediction(predictions, s.name) is None]
    if not missing:
        return
    listed = f"{missing[0]} and {len(missing) - 1} more" if len(missing) > 1 else missing[0]
    groups = [part for g in sorted({s.group for s in slides}) for part in ("--group", g)]
    lists = [] if slide_list is None else [str(slide_list)]
    command = shlex.join(
        ["hrpn-tf", "predict", *lists, "--run", str(run), "--out", str(predictions), *groups]
    )
    raise MissingPredictionError(
        f"{predictions}: no prediction of {listed}; make them with: {command}"
    )


def _prediction(predictions: Path, slide: RunSlide) -> Path:
    """Predicted slide; :func:`_refuse_missing` has checked that it exists."""
    path = find_prediction(predictions, slide.name)
    assert path is not None
    return path


def _check_all(
    slides: Sequence[RunSlide], predictions: Path, config: Config, progress: bool
) -> None:
    """Refuse predictions of other slides; see ``check_prediction``."""
    shown = {"shown": progress, "delay": 2.0, "leave": False}  # no bar for a quick check
    for slide in tracked(slides, "checking predictions", len(slides), "slide", **shown):
        check_prediction(_prediction(predictions, slide), slide, config)


def _resampled(
    slides: Sequence[RunSlide], predictions: Path, config: Config
) -> dict[str, Resampled]:
    """Slides of another pixel size than their predictions, by name."""
    found = {
        slide.name: resampled(slide, _prediction(predictions, slide), config) for slide in slides
    }
    return {name: how for name, how in found.items() if how is not None}


def resampled_lines(slides: Mapping[str, Resampled]) -> str:
    """Markdown that says how slides were resampled; empty if none was."""
    if not slides:
        return ""
    lines = [f"- {markdown(name)}: the measured slide has {how}.\n" for name, how in slides.items()]
    return f"\n## Pixels\n\nCompared in the pixels of the prediction.\n\n{''.join(lines)}"


def _warn_of_predictions(paths: Mapping[str, Path], made: Mapping[str, Mapping[str, Any]]) -> None:
    """Warn of predictions that may be of other slides, or that are 0 outside a mask."""
    warn_of_unknown_input(list(paths.values()))
    for name, path in paths.items():
        if made[name].get("mask"):
            logger.warning(
                f"{path} was predicted with a mask: it is 0 outside, where it counts too"
            )


def _made_of(made: Mapping[str, Any]) -> dict[str, Any]:
    """What a prediction states of its network and slide, for the reader of the metrics."""
    keys = ("model", "input", "region", "mask", STATED, FOUND)
    stated = {key: made[key] for key in keys if key in made}
    return {**stated, "symmetries": True} if has_symmetries(made) else stated


def _symmetry_lines(made: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown that names the predictions that average orientations; empty if none does."""
    names = [name for name, each in made.items() if has_symmetries(each)]
    if not names:
        return ""
    which = "Each" if len(names) == len(made) else ", ".join(map(markdown, names)) + ": each"
    return (
        f"\n## Symmetries\n\n{which} tile was predicted in its eight orientations, and the results "
        "were averaged (`hrpn-tf predict --symmetries`).\n"
    )


def _networks(
    paths: Mapping[str, Path], made: Mapping[str, Mapping[str, Any]], run: Run
) -> list[str]:
    """Checksums of the networks that predicted the slides; warns if not the run's network."""
    own = run.checksum
    networks = set()
    for name, path in paths.items():
        model = made[name].get("model", {})
        made_by = model.get("sha256")
        networks |= {made_by} if made_by else set()
        # a format of a bundle has its own checksum, and names the trained network
        if own and made_by and own not in (made_by, model.get("trained")):
            logger.warning(
                f"{path} was predicted by another network than {run.best}; predict "
                "again with --overwrite if that is not meant"
            )
    return sorted(networks)


def fit_run_baselines(
    everything: Sequence[RunSlide], run: Run, config: Config, trees: bool
) -> Baselines | None:
    """Baselines fitted on the training slides of the list, or else of the patch dataset.

    None, with a warning, if the training slides are missing.
    """
    training = [slide for slide in everything if slide.subset == "train"]
    if not training:
        try:
            training = [s for s in run.slides() if s.subset == "train"]
        except StoreError:
            training = []
    if not training or not all(slide.path.exists() for slide in training):
        logger.warning("no baselines: the training slides are not there")
        return None
    with ExitStack() as stack:
        measured = [stack.enter_context(measured_slide(s, config))[0] for s in training]
        return fit_baselines(measured, trees)


def _pixels(slides: Sequence[RunSlide], predictions: Path) -> int:
    """Number of pixels of all predictions."""
    pixels = 0
    for slide in slides:
        with open_slide(_prediction(predictions, slide)) as predicted:
            pixels += predicted.info.height * predicted.info.width
    return pixels


def _evaluate(
    slides: Sequence[RunSlide],
    predictions: Path,
    config: Config,
    baselines: Baselines | None,
    folder: Path,
    progress: bool,
    anchors: Mapping[str, UsedAnchor],
) -> Evaluation:
    """Compare and draw every slide, and report the progress over all slides."""
    infos = {}
    for slide in slides:
        with open_slide(slide.path, z=config.data.z) as opened:
            infos[slide.name] = opened.info
    stated = config.evaluation.peak or config.data.grey_max
    peak = common_peak({name: i.dtype for name, i in infos.items()}, stated)
    settings = CompareSettings(peak=peak, smooth_px=config.evaluation.smooth_px)
    results = []
    bar = Progress("evaluate", _pixels(slides, predictions), "px", shown=progress)
    with bar:
        for slide in slides:
            path = _prediction(predictions, slide)
            with (
                open_slide(path) as predicted,
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
