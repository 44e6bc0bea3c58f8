"""Weights that are known by a name, as a network for predictions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.errors import CalibrationError, UsageError, WeightsError
from hrpn_tf.runs import Run, RunSlide, open_run
from hrpn_tf.weights import Catalogue
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    from hrpn_export import Contract, Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile


@dataclass(frozen=True)
class WeightsNetwork:
    """The network of weights; see :func:`weights_network`.

    Attributes:
        name: of the weights.
        run: their folder, which is a run folder without a split.
        remark: what a user of the prediction must know, in one line.
        sizes: finest and coarsest pixel size of slides that it is made for, um.
        intervals: whether bounds are wanted, which weights do not have.
    """

    name: str
    run: Run
    remark: str
    sizes: tuple[float, float]
    intervals: bool = False

    @property
    def folder(self) -> Path:
        """See ``Network``."""
        return self.run.folder

    @property
    def default_out(self) -> Path:
        """``predictions-NAME`` in the current folder: nothing is written beside the weights."""
        return Path(f"predictions-{self.name}")

    def caution(self) -> str:
        """What a user of the prediction must know."""
        return f"{self.remark}; --anchor scales it to a measured mean"

    def absolute(self) -> "WeightsNetwork":
        """See ``Network``."""
        return replace(self, run=self.run.absolute())

    def config(self, overrides: Sequence[str]) -> Config:
        """See ``Network``."""
        return self._network.config(overrides)

    def contract(self) -> "Contract":
        """See ``Network``.

        Raises:
            CalibrationError: intervals are requested.
        """
        if self.intervals:
            raise CalibrationError(
                f"{self.name}: weights have no prediction intervals, which need measured slides of "
                "yours; leave out --intervals"
            )
        return self._network.contract()

    def subsets(self) -> dict[str, str]:
        """Empty: all groups of a slide list are predicted."""
        return {}

    def default_slides(self, config: Config) -> tuple[RunSlide, ...]:
        """See ``Network``.

        Raises:
            UsageError: always, since weights bring no slides.
        """
        raise UsageError(f"{self.name}: weights name no slides; name some to predict")

    def origin(self) -> dict[str, str]:
        """See ``Network``; with the name of the weights and what a user must know."""
        own = self._network.origin()
        return {
            "file": own["file"],
            "weights": self.name,
            "sha256": own["sha256"],
            "remark": self.remark,
        }

    def training_profile(self) -> "TrainingProfile | None":
        """See ``Network``."""
        return self._network.training_profile()

    def calibrated_range(self) -> None:
        """None, since a network in float32 needs no calibration."""
        return None

    def coarsest(self) -> float:
        """See ``Network``."""
        return self.sizes[1]

    def ran_by(self) -> str:
        """See ``Network``."""
        return self._network.ran_by()

    def load(self, threads: int | None) -> "Session":
        """See ``Network``."""
        return self._network.load(threads)

    def state(self) -> int:
        """See ``Network``."""
        return self._network.state()

    @property
    def _network(self) -> RunNetwork:
        return RunNetwork(self.run)


def weights_network(name: str, intervals: bool = False) -> WeightsNetwork:
    """The network of weights.

    Args:
        name: as listed by ``hrpn-tf weights``.
        intervals: whether bounds are wanted.

    Raises:
        UnknownWeightsError: there are none of this name, or they are not fetched.
        WeightsError: they are damaged, of another version, or state other channels than their
            network has.

    Example:
        >>> weights_network("hrpn-m-sim").default_out  # doctest: +SKIP
        PosixPath('predictions-hrpn-m-sim')
    """
    catalogue = Catalogue()
    folder, entry = catalogue.installed(name), catalogue.entry(name)
    run = open_run(folder)
    contract = run.contract
    stated = (entry.inputs, entry.outputs, entry.pixel_size_um)
    if (contract.inputs, contract.outputs, contract.pixel_size_um) != stated:
        raise WeightsError(
            f"{folder}: states other channels or another pixel size than its network"
        )
    return WeightsNetwork(name, run, entry.remark, entry.pixel_sizes_um, intervals)
