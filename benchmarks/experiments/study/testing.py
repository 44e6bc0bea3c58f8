"""The slides of a run: predicted, and compared with what was measured."""

from pathlib import Path
from typing import Any

from experiments.study import commands
from experiments.study.commands import Deadline, Spent
from experiments.study.design import Piece
from experiments.study.record import read_record
from experiments.study.slide_errors import slide_errors
from experiments.study.slides import Place, prediction_of
from experiments.study.trainings import Settings


def predict(run: Path, folder: Path, options: list[str], deadline: Deadline) -> Path:
    """Predict slides in float32: the test slides of a run, or those that the options name.

    Those that are predicted already are left out.
    """
    source = [] if "--bundle" in options else ["--run", str(run)]
    exact = ["--set=prediction.dtype=float32", "--out", str(folder)]
    commands.call(["predict", *source, *exact, *options], deadline, Spent())
    return folder


def measure_tests(run: Path, predictions: Path) -> dict[str, Any]:
    """Errors of every test slide of a run."""
    return measure(run, predictions, "test")


def measure(run: Path, predictions: Path, subset: str) -> dict[str, Any]:
    """Errors of every slide of a subset of a run: ``train``, ``validation`` or ``test``."""
    from hrpn_tf.runs import open_run
    from hrpn_tf.simulation.error_floor_files import read_error_floor
    from hrpn_tf.slides import open_slide
    from hrpn_tf.workflows.evaluate.measured_slides import measured_slide, predicted_plane

    opened, found = open_run(run), {}
    for slide in opened.slides():
        if slide.subset != subset:
            continue
        with (
            open_slide(prediction_of(predictions, slide.path)) as predicted,
            measured_slide(slide, opened.config, predicted.info) as (measured, _),
        ):
            size = (0, 0, measured.target.height, measured.target.width)
            true = measured.target.read(*size)
            pred = predicted_plane(predicted, opened.config).read(*size)
        floor = read_error_floor(slide.path, float(true.std()))
        found[slide.name] = slide_errors(true, pred, floor)
    return found


def run_of(piece: Piece, place: Place) -> Path | None:
    """The run that a finished piece tested, where it is still there."""
    path = place.records / piece.file
    if piece.network.extra or piece.data.is_fold or not path.is_file():
        return None
    chosen = read_record(path).values["chosen"]
    runs = place.trainings(piece.data.name, piece.network.name)
    folder = runs / Settings.of(chosen, piece.seed).folder
    return folder if (folder / "best.keras").is_file() else None
