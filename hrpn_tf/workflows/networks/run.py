"""The best network of a run."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import RUN_CONFIG, Config, load_config, load_run_config
from hrpn_tf.errors import RunError
from hrpn_tf.runs.calibrated import FOLDER, MODEL, calibrated_contract, load_calibrated
from hrpn_tf.runs.slides import run_subsets
from hrpn_tf.workflows.quiet import load_tensorflow

if TYPE_CHECKING:
    from hrpn_export import Contract, Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile


@dataclass(frozen=True)
class RunNetwork:
    """The best network of a run.

    Attributes:
        folder: of the training.
        intervals: whether it is the calibrated network, which gives bounds, too.
    """

    folder: Path
    intervals: bool = False

    @property
    def default_out(self) -> Path:
        """``RUN/predictions``, with intervals ``RUN/predictions-intervals``."""
        return self.folder / ("predictions-intervals" if self.intervals else "predictions")

    @property
    def command(self) -> str:
        """See ``Network``."""
        return f"hrpn-tf predict --run {self.folder}{' --intervals' if self.intervals else ''}"

    def caution(self) -> None:
        """See ``Network``."""
        return None

    def absolute(self) -> "RunNetwork":
        """See ``Network``."""
        return replace(self, folder=self.folder.absolute())

    def config(self, overrides: Sequence[str]) -> Config:
        """See ``Network``.

        Raises:
            RunError, ConfigError: no run there, or its configuration is damaged.
        """
        run = self.folder
        return load_config(run / RUN_CONFIG, overrides) if overrides else load_run_config(run)

    def contract(self) -> "Contract":
        """See ``Network``.

        Raises:
            RunError: no contract, or no network yet.
            CalibrationError: intervals are wanted, and there are none.
        """
        from hrpn_export import Contract

        if self.intervals:
            return calibrated_contract(self.folder)

        path = self.folder / "contract.json"
        try:
            contract = Contract.from_json(path.read_text(encoding="utf-8"))
        except OSError:
            raise RunError(f"{path}: missing; run hrpn-tf fit again") from None
        self._best()
        return contract

    def subsets(self) -> dict[str, str]:
        """See ``Network``."""
        return run_subsets(self.folder)

    def origin(self) -> dict[str, str]:
        """See ``Network``."""
        from hrpn_tf.prediction import sha256

        best = self._best()
        if self.intervals:
            model = self.folder / FOLDER / MODEL
            own = {"sha256": sha256(model), "trained": sha256(best)}
            return {"file": f"{FOLDER}/{MODEL}", "run": self.folder.name, **own}
        return {"file": best.name, "run": self.folder.name, "sha256": sha256(best)}

    def training_profile(self) -> "TrainingProfile | None":
        """See ``Network``."""
        from hrpn_tf.evaluation.out_of_distribution import NAME, load_profile

        path = self.folder / NAME
        return load_profile(path) if path.exists() else None

    def load(self, threads: int | None) -> "Session":
        """See ``Network``."""
        load_tensorflow()
        from hrpn_export.keras_session import KerasSession, limit_threads

        from hrpn_tf.training.run import load_run

        if threads is not None:
            limit_threads(threads)  # before the network is loaded, which starts TensorFlow
        if self.intervals:
            return KerasSession(load_calibrated(self.folder), self.contract(), threads)
        model, contract, _ = load_run(self.folder)
        return KerasSession(model, contract, threads)

    def state(self) -> int:
        """See ``Network``."""
        path = self.folder / (f"{FOLDER}/{MODEL}" if self.intervals else "best.keras")
        return path.stat().st_mtime_ns if path.is_file() else 0

    def _best(self) -> Path:
        best = self.folder / "best.keras"
        if not best.is_file():
            raise RunError(
                f"{self.folder}: no {best.name} yet; run hrpn-tf fit until an epoch is finished"
            )
        return best
