"""Interface of networks for predictions; a network is loaded once per process."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hrpn_tf.config import Config
from hrpn_tf.runs import RunSlide
from hrpn_tf.waiting import NETWORK, waiting

if TYPE_CHECKING:
    from hrpn_export import Contract, Session
    from hrpn_export.calibrated_range import CalibratedRange

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile


class Network(Protocol):
    """Reference to a network; can be compared, and sent to another process."""

    @property
    def folder(self) -> Path:
        """Run folder or bundle of the network, or folder of the weights."""
        ...

    @property
    def default_out(self) -> Path | None:
        """Default folder of the predictions; None if there is no default."""
        ...

    def __hash__(self) -> int: ...

    def caution(self) -> str | None:
        """Warning for predictions with this network, in one line; None if there is none."""
        ...

    def absolute(self) -> "Network":
        """The same reference with absolute paths."""
        ...

    def config(self, overrides: Sequence[str]) -> Config:
        """Resolved configuration of the training, with ``section.key=value`` overrides."""
        ...

    def contract(self) -> "Contract":
        """Contract of the network: its inputs and outputs."""
        ...

    def subsets(self) -> dict[str, str]:
        """Use of each group in the training, by group."""
        ...

    def default_slides(self, config: Config) -> tuple[RunSlide, ...]:
        """Slides that are predicted by default: those of the training.

        Raises:
            UsageError: the network has no slide list.
        """
        ...

    def origin(self) -> dict[str, str]:
        """Identity of the network in the metadata of a prediction; ``sha256`` is its checksum."""
        ...

    def training_profile(self) -> "TrainingProfile | None":
        """Profile of the training slides; None if there is none.

        Raises:
            TrainingProfileError: the profile is damaged.
        """
        ...

    def calibrated_range(self) -> "CalibratedRange | None":
        """Grey levels that an int8 network was calibrated on; None if there was no calibration."""
        ...

    def coarsest(self) -> float | None:
        """Largest pixel size of slides that it is made for, um; None for no limit of its own."""
        ...

    def ran_by(self) -> str:
        """Name of the runtime that runs it, see ``hrpn_export.runtimes``."""
        ...

    def load(self, threads: int | None) -> "Session":
        """Load the network; see :func:`load_network`."""
        ...

    def state(self) -> int:
        """Value that changes whenever the network changes."""
        ...


def load_network(network: Network, threads: int | None = None) -> "Session":
    """Load a network for inference; the last one is cached.

    Args:
        network: network of a run or of a bundle.
        threads: most threads that one operation uses; None for all usable cores.

    Raises:
        HrpnError, BundleError: the network is missing or damaged.
    """
    return _load(network.absolute(), threads, network.state())


@lru_cache(maxsize=1)
def _load(network: Network, threads: int | None, state: int) -> "Session":
    with waiting.part(NETWORK):
        return network.load(threads)
