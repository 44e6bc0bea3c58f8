"""The predictions that are evaluated: where they are, and what they state of themselves."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.config import Config
from hrpn_tf.errors import MissingPredictionError
from hrpn_tf.prediction.anchor import FOUND, STATED
from hrpn_tf.prediction.provenance_match import has_symmetries, warn_of_unknown_input
from hrpn_tf.progress import tracked
from hrpn_tf.runs import Run
from hrpn_tf.runs.slides import RunSlide, find_prediction, predict_command
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.text import markdown
from hrpn_tf.workflows.evaluate.measured_slides import Resampled, check_prediction, resampled

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Predictions:
    """Predicted slides, one for each slide that is evaluated.

    Attributes:
        slides: what they are of.
        paths: files, by name of the slide.
        stated: provenance of each, by name.
        resampled: slides of another pixel size than their prediction, by name.
    """

    slides: Sequence[RunSlide]
    paths: Mapping[str, Path]
    stated: Mapping[str, Mapping[str, Any]]
    resampled: Mapping[str, Resampled]

    def path(self, slide: RunSlide) -> Path:
        """The prediction of a slide."""
        return self.paths[slide.name]

    def pixels(self) -> int:
        """Number of pixels of all of them."""
        pixels = 0
        for path in self.paths.values():
            with open_slide(path) as predicted:
                pixels += predicted.info.height * predicted.info.width
        return pixels

    def networks(self, run: Run) -> list[str]:
        """Checksums of the networks that made them; warns of another one than the run's."""
        own = run.checksum
        networks = set()
        for name, path in self.paths.items():
            model = self.stated[name].get("model", {})
            made_by = model.get("sha256")
            networks |= {made_by} if made_by else set()
            # a format of a bundle has its own checksum, and names the trained network
            if own and made_by and own not in (made_by, model.get("trained")):
                logger.warning(
                    f"{path} was predicted by another network than {run.best}; predict "
                    "again with --overwrite if that is not meant"
                )
        return sorted(networks)

    def to_json(self) -> dict[str, Any]:
        """What each states of its network and slide, for the reader of the metrics."""
        return {name: _brief(stated) for name, stated in self.stated.items()}

    def warn(self) -> None:
        """Warn of predictions that may be of other slides, or that are 0 outside a mask."""
        warn_of_unknown_input(list(self.paths.values()))
        for name, path in self.paths.items():
            if self.stated[name].get("mask"):
                logger.warning(
                    f"{path} was predicted with a mask: it is 0 outside, where it counts too"
                )

    def resampling_lines(self) -> str:
        """Markdown that says how slides were resampled; empty if none was."""
        if not self.resampled:
            return ""
        lines = [
            f"- {markdown(name)}: the measured slide has {how}.\n"
            for name, how in self.resampled.items()
        ]
        return f"\n## Pixels\n\nCompared in the pixels of the prediction.\n\n{''.join(lines)}"

    def symmetry_lines(self) -> str:
        """Markdown that names those that average orientations; empty if none does."""
        names = [name for name, each in self.stated.items() if has_symmetries(each)]
        if not names:
            return ""
        all_of_them = len(names) == len(self.stated)
        which = "Each" if all_of_them else ", ".join(map(markdown, names)) + ": each"
        return (
            f"\n## Symmetries\n\n{which} tile was predicted in its eight orientations, and the "
            "results were averaged (`hrpn-tf predict --symmetries`).\n"
        )


def find_predictions(
    slides: Sequence[RunSlide],
    folder: Path,
    run: Run,
    slide_list: Path | None,
    config: Config,
    progress: bool,
) -> Predictions:
    """The predictions of slides, checked to be theirs.

    Args:
        slides: to evaluate.
        folder: of the predictions.
        run, slide_list: what the slides are of, for the command that makes missing predictions.
        config: of the evaluation.
        progress: report the progress.

    Raises:
        MissingPredictionError: a slide is not predicted.
        SlideMismatchError: a prediction is of another slide, of other channels, or of a part.
    """
    paths = {}
    for slide in slides:
        if (path := find_prediction(folder, slide.name)) is not None:
            paths[slide.name] = path
    _refuse_missing([s for s in slides if s.name not in paths], slides, folder, run, slide_list)
    shown = {"shown": progress, "delay": 2.0, "leave": False}  # no bar for a quick check
    for slide in tracked(slides, "checking predictions", len(slides), "slide", **shown):
        check_prediction(paths[slide.name], slide, config)
    others = {slide.name: resampled(slide, paths[slide.name], config) for slide in slides}
    return Predictions(
        slides,
        paths,
        {name: read_provenance(path) for name, path in paths.items()},
        {name: how for name, how in others.items() if how is not None},
    )


def _refuse_missing(
    missing: Sequence[RunSlide],
    slides: Sequence[RunSlide],
    predictions: Path,
    run: Run,
    slide_list: Path | None,
) -> None:
    if not missing:
        return
    first = missing[0].name
    which = f"{first} and {len(missing) - 1} more" if len(missing) > 1 else first
    groups = sorted({s.group for s in slides})
    network = ["--run", str(run)]
    if not run.has_slides:
        network, groups = ["--weights", run.folder.name], []  # which predict all groups
    command = predict_command(slide_list, network, predictions, groups)
    raise MissingPredictionError(
        f"{predictions}: no prediction of {which}; make them with: {command}"
    )


def _brief(stated: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("model", "input", "region", "mask", STATED, FOUND)
    found = {key: stated[key] for key in keys if key in stated}
    return {**found, "symmetries": True} if has_symmetries(stated) else found
