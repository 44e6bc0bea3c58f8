"""Where the files of a run are."""

from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.runs import folder as names
from hrpn_tf.runs.calibrated import MODEL


@dataclass(frozen=True)
class RunPaths:
    """The places in the folder of a training, whether something is there or not.

    Attributes:
        folder: of the run.
    """

    folder: Path

    @property
    def predictions(self) -> Path:
        """Folder of the predicted slides."""
        return self.folder / names.PREDICTIONS

    @property
    def interval_predictions(self) -> Path:
        """Folder of the slides that were predicted with intervals."""
        return self.folder / names.INTERVAL_PREDICTIONS

    @property
    def evaluation(self) -> Path:
        """Folder of the evaluation."""
        return self.folder / names.EVALUATION

    @property
    def calibrated(self) -> Path:
        """Folder of the calibrated network."""
        return self.folder / names.CALIBRATED

    @property
    def calibrated_network(self) -> Path:
        """File of the calibrated network, which is there once the run is calibrated."""
        return self.calibrated / MODEL

    @property
    def calibrating(self) -> Path:
        """Folder of an unfinished calibration."""
        return self.folder / names.CALIBRATING

    @property
    def plan(self) -> Path:
        """Folder of what more animals would bring."""
        return self.folder / names.PLAN

    @property
    def training_profile(self) -> Path:
        """File that says what the training slides look like; older runs have none."""
        return self.folder / names.TRAINING_PROFILE

    @property
    def best(self) -> Path:
        """File of the best network, which is there once an epoch is finished."""
        return self.folder / names.BEST

    @property
    def twin(self) -> Path:
        """Folder of the best network in formats that need no TensorFlow; older runs have none."""
        return self.folder / names.TWIN
