"""Optional abilities of a session besides prediction, which some scenarios use."""

from typing import Any, Protocol, runtime_checkable

import numpy as np

from hrpn_benchmarks.measures import Measured


@runtime_checkable
class Trainable(Protocol):
    """A session whose network can be trained, for the scenario ``training``."""

    def train(self, batch: np.ndarray, target: np.ndarray) -> float:
        """One step of the optimizer.

        Args:
            batch: (N, H, W, inputs) float32 grey levels.
            target: (N, H, W, outputs) float32 grey levels.

        Returns:
            The loss before the step; the call returns once the step is complete.
        """
        ...


@runtime_checkable
class Counted(Protocol):
    """A session that knows the size of its network.

    Attributes:
        parameters: number of trained parameters.
    """

    parameters: int

    def macs(self, side: int) -> int:
        """Multiply-accumulate operations for one tile of (side, side) px."""
        ...


def with_counts(measured: Measured, session: Any, side: int) -> Measured:
    """Add the parameters and operations of the network, if the session counts them."""
    if not isinstance(session, Counted):
        return measured
    counts = {"parameters": session.parameters, "macs": session.macs(side)}
    return measured.model_copy(update=counts)
