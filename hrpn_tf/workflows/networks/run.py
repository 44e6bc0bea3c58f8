"""The best network of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.console import load_tensorflow
from hrpn_tf.runs import Run, RunSlide

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract, Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile


@dataclass(frozen=True)
class RunNetwork:
    """The best network of a run.

    Attributes:
        run: the open run.
        intervals: whether to use the calibrated network, which also gives bounds.
    """

    run: Run
    intervals: bool = False

    @property
    def folder(self) -> Path:
        """See ``Network``."""
        return self.run.folder

    @property
    def default_out(self) -> Path:
        """``RUN/predictions``, with intervals ``RUN/predictions-intervals``."""
        return self.run.interval_predictions if self.intervals else self.run.predictions

    def caution(self) -> None:
        """See ``Network``."""
        return None

    def absolute(self) -> "RunNetwork":
        """See ``Network``."""
        return replace(self, run=self.run.absolute())

    def config(self, overrides: Sequence[str]) -> Config:
        """See ``Network``.

        Raises:
            ConfigError: an override names an unknown key or a value out of range.
        """
        return self.run.with_overrides(overrides).config

    def contract(self) -> "Contract":
        """See ``Network``.

        Raises:
            RunError: no contract, no network yet, or a damaged split.
            CalibrationError: intervals are requested, but the run is not calibrated.
        """
        if self.intervals:
            return self.run.calibration.contract
        contract = self.run.contract
        self.run.network_file()
        self.run.check_split()
        return contract

    def subsets(self) -> dict[str, str]:
        """See ``Network``."""
        return self.run.subsets

    def default_slides(self, config: Config) -> tuple[RunSlide, ...]:
        """See ``Network``: the slides of the patch dataset that the run was trained on."""
        return self.run.slides()

    def origin(self) -> dict[str, str]:
        """See ``Network``."""
        best, checksum = self.run.network_file(), self.run.checksum
        assert checksum is not None
        if self.intervals:
            calibration = self.run.calibration
            own = {"sha256": calibration.checksum, "trained": checksum}
            return {"file": calibration.name, "run": self.folder.name, **own}
        return {"file": best.name, "run": self.folder.name, "sha256": checksum}

    def training_profile(self) -> "TrainingProfile | None":
        """See ``Network``."""
        from hrpn_tf.evaluation.out_of_distribution import load_profile

        path = self.run.training_profile
        return load_profile(path) if path.exists() else None

    def calibrated_range(self) -> None:
        """None, since a network in float32 needs no calibration."""
        return None

    def coarsest(self) -> None:
        """None, since its contract states the pixel size that it takes."""
        return None

    def load_network(self) -> "keras.Model":
        """The network as a Keras model, float32.

        Raises:
            CheckpointError: its file is damaged.
        """
        return (self.run.calibration if self.intervals else self.run).load_network()

    def ran_by(self) -> str:
        """See ``Network``."""
        return "keras"

    def load(self, threads: int | None) -> "Session":
        """See ``Network``."""
        load_tensorflow()
        from hrpn_export.keras_session import KerasSession, limit_threads

        if threads is not None:
            limit_threads(threads)  # before TensorFlow starts with the network
        contract = self.contract()
        return KerasSession(self.load_network(), contract, threads)

    def state(self) -> int:
        """See ``Network``."""
        path = self.run.calibrated_network if self.intervals else self.run.best
        return path.stat().st_mtime_ns if path.is_file() else 0
