"""The calibrated network of a run: ``RUN/calibrated``, as ``hrpn-tf calibrate`` leaves it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from hrpn_tf.errors import CalibrationError, CheckpointError

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract

FOLDER, MODEL, RECORD, CONTRACT = "calibrated", "model.keras", "calibration.json", "contract.json"


def is_calibrated(run: Path) -> bool:
    """Whether a run has a calibrated network, of whatever training."""
    return (run / FOLDER / RECORD).is_file()


def read_calibration(run: Path) -> dict[str, Any]:
    """What ``calibration.json`` says; see ``calibrate_run``.

    Raises:
        CalibrationError: there is none, it is damaged, or it is of another network than the run's.
    """
    from hrpn_tf.prediction import sha256

    path = run / FOLDER / RECORD
    if not path.is_file():
        raise CalibrationError(
            f"{run}: has no prediction intervals yet; make them with: hrpn-tf calibrate {run}"
        )
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        trained = record["network"]["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CalibrationError(
            f"{path}: damaged; make it again with: hrpn-tf calibrate {run} --overwrite"
        ) from None
    if not (run / FOLDER / MODEL).is_file():
        raise CalibrationError(
            f"{run / FOLDER}: {MODEL} is gone; make it again with: hrpn-tf calibrate {run} "
            "--overwrite"
        )
    best = run / "best.keras"
    if best.is_file() and sha256(best) != trained:
        raise CalibrationError(
            f"{run / FOLDER}: belongs to an earlier network than {best}; calibrate that with: "
            f"hrpn-tf calibrate {run} --overwrite"
        )
    return record


def calibrated_contract(run: Path) -> "Contract":
    """What the calibrated network expects and gives.

    Raises:
        CalibrationError: see :func:`read_calibration`.
    """
    from hrpn_export import Contract

    read_calibration(run)
    path = run / FOLDER / CONTRACT
    try:
        return Contract.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise CalibrationError(
            f"{path}: missing or damaged; make it again with: hrpn-tf calibrate {run} --overwrite"
        ) from None


def load_calibrated(run: Path) -> "keras.Model":
    """The calibrated network, float32, from (N, H, W, inputs) to mean, lower and upper bound.

    Raises:
        CalibrationError: see :func:`read_calibration`.
        CheckpointError: the file is damaged.
    """
    import keras

    import hrpn_tf.models.layers  # noqa: F401  (registers the layers)

    read_calibration(run)
    path = run / FOLDER / MODEL
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
        problem = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: cannot be loaded: {problem}") from None
