"""What an analysis is of: slides, their predictions, and the configuration of the network."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hrpn_tf.config import Config, config_of, load_config
from hrpn_tf.errors import (
    MissingPredictionError,
    SlideMismatchError,
    SlideNotFoundError,
    UsageError,
)
from hrpn_tf.kinds import LISTS, kind_of, refuse_other_kind
from hrpn_tf.runs import Run, open_run
from hrpn_tf.runs.slides import (
    SUFFIXES,
    RunSlide,
    choose_slides,
    find_prediction,
    listed_slides,
    predict_command,
)
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.slides.names import slide_name
from hrpn_tf.text import printable
from hrpn_tf.workflows.analyse.options import AnalysisOptions

ALLOWED = ("spatial.", "evaluation.", "data.tissue.")
MEASURED = "the measured target"
_LONGEST = 300  # characters of a remark


@dataclass(frozen=True)
class Source:
    """The slides of an analysis.

    Attributes:
        slides: in the order of their list.
        predictions: by name of a slide; None to analyse the measured target.
        config: of the network that predicted them.
        run: of that network, if it is known.
        text: what is analysed, in words.
        folder: of the predictions; None to analyse the measured target.
    """

    slides: tuple[RunSlide, ...]
    predictions: Mapping[str, Path] | None
    config: Config
    run: Run | None
    text: str
    folder: Path | None = None

    @cached_property
    def models(self) -> tuple[Mapping[str, Any], ...]:
        """What each prediction states of its network; the files are read once."""
        return tuple(_model(path) for path in (self.predictions or {}).values())

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the predictions say that their readers must know, each once, printable."""
        stated = [model.get("remark") for model in self.models]
        return tuple(dict.fromkeys(printable(each, _LONGEST) for each in stated if each))


def find_source(path: Path, options: AnalysisOptions) -> Source:
    """Find out what a path is, and what belongs to it.

    Args:
        path: a run, a predicted slide or a folder of them, or a slide list or slide.
        options: of the analysis.

    Raises:
        UsageError: options that do not belong to it, or no slides are named.
        MissingPredictionError: a slide is not predicted.
        SlideMismatchError: predictions by several networks, or by another one than the run's.
        SlideNotFoundError: there is nothing.
    """
    for override in options.overrides:
        if not override.startswith(ALLOWED):
            raise UsageError(
                f"--set {override}: only spatial.*, evaluation.* and data.tissue.* can be changed"
            )
    if options.pixel_size_um is not None:
        stated = f"data.pixel_size_um={options.pixel_size_um!r}"
        options = replace(options, overrides=(*options.overrides, stated))
    kind = kind_of(path)
    if not os.path.lexists(path):
        raise SlideNotFoundError(f"{path}: no such run, prediction, slide list or slide")
    if kind == "run":
        return _of_run(path, options)
    if kind in ("patch dataset", "bundle", "evaluation"):
        refuse_other_kind(path, "run")
    if kind == "slide list" or (kind == "slide" and not _is_prediction(path)):
        return _of_slides(path, options)
    return _of_predictions(path, options)


def _of_run(path: Path, options: AnalysisOptions) -> Source:
    if options.config is not None:
        raise UsageError("--config belongs to measured slides; a run has its own configuration")
    run = open_run(path).with_overrides(options.overrides)
    slides = choose_slides(run.slides(options.slides), options.groups, str(options.slides or path))
    folder = options.predictions or run.predictions
    predictions = predictions_of(folder, slides, options.slides, path)
    own = run.checksum
    for name, prediction in predictions.items():
        model = _model(prediction)
        made_by = model.get("sha256")
        if own and made_by and own not in (made_by, model.get("trained")):
            raise SlideMismatchError(
                f"{prediction}: {name} was predicted by another network than {run.best}; predict "
                "it again with --overwrite, or analyse the folder of predictions without the run"
            )
    return Source(slides, predictions, run.config, run, f"Predictions of the run {path}", folder)


def _of_predictions(path: Path, options: AnalysisOptions) -> Source:
    if options.predictions is not None:
        raise UsageError(f"{path} holds predictions already; leave --predictions out")
    files = [path] if _is_prediction(path) else _files_in(path)
    if options.slides is None:
        raise UsageError(
            f"{path}: predictions need the slides that they are of, for vessels and nuclei; name "
            "them with --slides LIST, or with the one slide"
        )
    return _predicted(options.slides, path, files, options)


def _of_slides(path: Path, options: AnalysisOptions) -> Source:
    if options.slides is not None:
        raise UsageError(f"{path} names the slides already; leave --slides out")
    if options.predictions is not None:
        folder = options.predictions
        files = [folder] if _is_prediction(folder) else _files_in(folder)
        return _predicted(path, folder, files, options)
    if options.intervals:
        raise UsageError(f"--intervals: {MEASURED} of {path} has no bounds; give --predictions")
    config = load_config(options.config, overrides=options.overrides)
    slides = _chosen(_listed(path, config), options, path)
    return Source(slides, None, config, None, f"The measured target of {path}")


def _predicted(
    slides: Path, folder: Path, files: Sequence[Path], options: AnalysisOptions
) -> Source:
    """Predictions with their slides; the configuration is that which they state."""
    if options.config is not None:
        raise UsageError("--config belongs to measured slides; predictions state theirs")
    config = _stated_config(files[0], options.overrides)
    chosen = _chosen(_listed(slides, config), options, slides)
    if files == [folder]:
        if len(chosen) != 1:
            raise UsageError(f"{folder} is one prediction, for {len(chosen)} slides; name a folder")
        predictions: Mapping[str, Path] = {chosen[0].name: folder}
    else:
        predictions = predictions_of(folder, chosen, slides)
    _refuse_several_networks(predictions)
    return Source(chosen, predictions, config, None, f"The predictions in {folder}", folder)


def predictions_of(
    folder: Path, slides: Sequence[RunSlide], slide_list: Path | None, run: Path | None = None
) -> dict[str, Path]:
    """The prediction of each slide.

    Args:
        folder: holds them.
        slides: wanted ones.
        slide_list: names them; None for those of the run.
        run: made the predictions; None if it is not known where it is.

    Raises:
        MissingPredictionError: some are missing; says by which command they are made.
    """
    found = {slide.name: find_prediction(folder, slide.name) for slide in slides}
    missing = [slide for slide in slides if found[slide.name] is None]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        groups = sorted({slide.group for slide in missing}) if len(slides) > 1 else []
        command = predict_command(slide_list, ["--run", str(run or "RUN")], folder, groups)
        raise MissingPredictionError(
            f"{folder}: no prediction of {missing[0].name}{more}; make them with: "
            f"{command}; or choose other slides with --group"
        )
    return {name: path for name, path in found.items() if path is not None}


def held_back_source(source: Source, options: AnalysisOptions) -> Source | None:
    """The held-back slides with their predictions; None without any.

    Raises:
        UsageError: see :func:`held_back_slides`.
        MissingPredictionError: some are not predicted.
    """
    if options.held_back is None:
        return None
    slides = held_back_slides(options.held_back, source)
    assert source.folder is not None
    run = None if source.run is None else source.run.folder
    made = predictions_of(source.folder, slides, options.held_back, run)
    return replace(source, slides=slides, predictions=made)


def held_back_slides(path: Path, source: Source) -> tuple[RunSlide, ...]:
    """The slides of a list, none of which trained the network or picked its checkpoint.

    Raises:
        UsageError: the measured target is analysed, or a group trained the network.
    """
    if source.predictions is None or source.folder is None:
        raise UsageError("--held-back: says how far predictions err, and these slides are measured")
    if source.run is None:
        return listed_slides(path, source.config, {})
    slides = source.run.slides(path)
    used = sorted({slide.group for slide in slides if slide.subset in ("train", "validation")})
    if used:
        raise UsageError(
            f"{path}: {used[0]} trained the network or picked its checkpoint, and says nothing "
            "of new animals; leave it out"
        )
    return slides


def _refuse_several_networks(predictions: Mapping[str, Path]) -> None:
    first: tuple[str, Any] | None = None
    for name, path in predictions.items():
        made_by = _model(path).get("sha256")
        if first is None:
            first = name, made_by
        elif made_by != first[1]:
            raise SlideMismatchError(
                f"{path}: {name} was predicted by another network than {first[0]}; predict all "
                "slides with one network, or analyse them apart"
            )


def _model(prediction: Path) -> Mapping[str, Any]:
    """What a prediction states of its network; anybody may have written it."""
    model = read_provenance(prediction).get("model")
    return model if isinstance(model, Mapping) else {}


def _stated_config(prediction: Path, overrides: Sequence[str]) -> Config:
    made = read_provenance(prediction).get("configuration")
    if not isinstance(made, dict):
        raise UsageError(
            f"{prediction}: does not state its configuration, so it was not made by hrpn-tf "
            "predict; predict the slide again, or name the run in place of the predictions"
        )
    return config_of(dict(made), overrides, str(prediction))


def _is_prediction(path: Path) -> bool:
    """Whether a path is a slide that hrpn-tf predict wrote."""
    if path.is_dir() and kind_of(path) != "slide":
        return False
    if path.is_file() and path.suffix.lower() not in (".tif", ".tiff"):
        return False  # of a scanner
    return read_provenance(path).get("kind") == "prediction"


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{folder}: is neither a run nor predictions nor slides")
    files = sorted(p for p in folder.iterdir() if p.name.endswith(SUFFIXES))
    files = [path for path in files if _is_prediction(path)]
    if not files:
        raise MissingPredictionError(
            f"{folder}: no predicted slide (*.ome.tif, *.ome.zarr) that hrpn-tf predict wrote"
        )
    return files


def _listed(path: Path, config: Config) -> tuple[RunSlide, ...]:
    """The slides of a list, or a single slide, which is its own group."""
    if path.suffix.lower() in LISTS:
        return listed_slides(path, config, {})
    if not path.exists():
        raise SlideNotFoundError(f"{path}: no such slide")
    with open_slide(path, z=config.data.z):
        name = slide_name(path)
    return (RunSlide(name, path, name, "other", dict(config.data.channels),
                     config.data.pixel_size_um),)  # fmt: skip


def _chosen(
    slides: tuple[RunSlide, ...], options: AnalysisOptions, path: Path
) -> tuple[RunSlide, ...]:
    return choose_slides(slides, options.groups, str(path))
