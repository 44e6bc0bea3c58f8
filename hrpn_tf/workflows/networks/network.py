"""What predicts: a network of a run or of a bundle, loaded once per process."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from hrpn_tf.config import Config
from hrpn_tf.runs import RunSlide

if TYPE_CHECKING:
    from hrpn_export import Contract, Session

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile


class Network(Protocol):
    """Where a network comes from; can be compared, and sent to another process."""

    @property
    def folder(self) -> Path:
        """What holds it."""
        ...

    @property
    def default_out(self) -> Path | None:
        """Folder of the predictions where nobody names one; None if one must be named."""
        ...

    @property
    def command(self) -> str:
        """The command that predicts with it, for messages."""
        ...

    def __hash__(self) -> int: ...

    def caution(self) -> str | None:
        """What whoever predicts with it should know, in a line; None if there is nothing."""
        ...

    def absolute(self) -> "Network":
        """The same for a process in another folder."""
        ...

    def config(self, overrides: Sequence[str]) -> Config:
        """The resolved configuration of its training, with ``section.key=value`` overrides."""
        ...

    def contract(self) -> "Contract":
        """What it expects and gives."""
        ...

    def subsets(self) -> dict[str, str]:
        """Group: how the training used it."""
        ...

    def default_slides(self, config: Config) -> tuple[RunSlide, ...]:
        """All slides of its training, which are predicted if no other slides are named.

        Raises:
            UsageError: it names no slides.
        """
        ...

    def origin(self) -> dict[str, str]:
        """What a predicted slide says of it; ``sha256`` is of the very network."""
        ...

    def training_profile(self) -> "TrainingProfile | None":
        """What its training slides look like; None if it does not say.

        Raises:
            TrainingProfileError: it is damaged.
        """
        ...

    def load(self, threads: int | None) -> "Session":
        """Load it; see :func:`load_network`."""
        ...

    def state(self) -> int:
        """Changes when the network does."""
        ...


def load_network(network: Network, threads: int | None = None) -> "Session":
    """A network, ready to run; the last one is kept.

    Args:
        network: of a run or a bundle.
        threads: most threads that one operation uses; None leaves it to the runtime.

    Raises:
        HrpnError, BundleError: no network there, or a damaged one.
    """
    return _load(network.absolute(), threads, network.state())


@lru_cache(maxsize=1)
def _load(network: Network, threads: int | None, state: int) -> "Session":
    return network.load(threads)
