"""The calibrated network of a run, as ``hrpn-tf calibrate`` leaves it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.errors import CalibrationError
from hrpn_tf.files import sha256
from hrpn_tf.runs.folder import BEST, CALIBRATED, CONTRACT
from hrpn_tf.runs.keras_file import load_keras_file
from hrpn_tf.text import in_shell
from hrpn_tf.untrusted import read_json, read_text

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract

MODEL, RECORD = "model.keras", "calibration.json"


@dataclass(frozen=True)
class Calibration:
    """A calibrated network.

    Attributes:
        folder: ``RUN/calibrated``.
        record: what the calibration was made of and what it found; see ``calibrate_run``.
        contract: what the network expects and gives.
    """

    folder: Path
    record: Mapping[str, Any]
    contract: "Contract"

    @property
    def network_file(self) -> Path:
        """The file of the network."""
        return self.folder / MODEL

    @property
    def name(self) -> str:
        """The file of the network, as a path within the run folder."""
        return f"{CALIBRATED}/{MODEL}"

    @cached_property
    def checksum(self) -> str:
        """SHA-256 of the network."""
        return sha256(self.network_file)

    def load_network(self) -> "keras.Model":
        """The network, float32, from (N, H, W, inputs) to mean, lower and upper bound.

        Raises:
            CheckpointError: the file is damaged.
        """
        return load_keras_file(self.network_file)


def read_calibration(run: Path, folder: Path, trained: str | None) -> Calibration:
    """The calibrated network of a run.

    Args:
        run: folder of the run, for messages.
        folder: of the calibration.
        trained: SHA-256 of the network that the training made; None if it is gone.

    Raises:
        CalibrationError: there is none, it is damaged, or it is of another network.
    """
    from hrpn_export import Contract, ContractError

    again = f"make it again with: hrpn-tf calibrate {in_shell(run)} --overwrite"
    path = folder / RECORD
    if not path.is_file():
        raise CalibrationError(
            f"{run}: has no prediction intervals yet; make them with: "
            f"hrpn-tf calibrate {in_shell(run)}"
        )
    try:
        record: dict[str, Any] = read_json(path, CalibrationError)
        calibrated = record["network"]["sha256"]
    except (CalibrationError, KeyError, TypeError):
        raise CalibrationError(f"{path}: damaged; {again}") from None
    if not (folder / MODEL).is_file():
        raise CalibrationError(f"{folder}: {MODEL} is gone; {again}")
    if trained is not None and trained != calibrated:
        raise CalibrationError(
            f"{folder}: belongs to an earlier network than {run / BEST}; calibrate that with: "
            f"hrpn-tf calibrate {in_shell(run)} --overwrite"
        )
    path = folder / CONTRACT
    try:
        contract = Contract.from_json(read_text(path, CalibrationError))
    except (CalibrationError, ContractError):
        raise CalibrationError(f"{path}: missing or damaged; {again}") from None
    return Calibration(folder, record, contract)


def write_calibration(
    folder: Path, network: "keras.Model", contract: "Contract", record: Mapping[str, Any]
) -> None:
    """Write a calibrated network into a folder that is there; see :func:`read_calibration`."""
    network.save(folder / MODEL)
    (folder / CONTRACT).write_text(contract.to_json(), encoding="utf-8")
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
