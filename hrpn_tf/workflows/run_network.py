"""The best network of a run."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import RUN_CONFIG, Config, load_config, load_run_config
from hrpn_tf.errors import RunError
from hrpn_tf.workflows.quiet import load_tensorflow
from hrpn_tf.workflows.run_slides import run_subsets

if TYPE_CHECKING:
    from hrpn_export import Contract, Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile


@dataclass(frozen=True)
class RunNetwork:
    """The best network of a run.

    Attributes:
        folder: of the training.
    """

    folder: Path

    @property
    def default_out(self) -> Path:
        """``RUN/predictions``."""
        return self.folder / "predictions"

    @property
    def command(self) -> str:
        """See ``Network``."""
        return f"hrpn-tf predict --run {self.folder}"

    def caution(self) -> None:
        """See ``Network``."""
        return None

    def absolute(self) -> "RunNetwork":
        """See ``Network``."""
        return RunNetwork(self.folder.absolute())

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
        """
        from hrpn_export import Contract

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
        model, contract, _ = load_run(self.folder)
        return KerasSession(model, contract, threads)

    def state(self) -> int:
        """See ``Network``."""
        best = self.folder / "best.keras"
        return best.stat().st_mtime_ns if best.is_file() else 0

    def _best(self) -> Path:
        best = self.folder / "best.keras"
        if not best.is_file():
            raise RunError(
                f"{self.folder}: no {best.name} yet; run hrpn-tf fit until an epoch is finished"
            )
        return best
