"""What a session may be able to do beside predicting; scenarios ask for it."""

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
            The loss before the step, once the step is done.
        """
        ...


@runtime_checkable
class Counted(Protocol):
    """A session that knows the size of its network.

    Attributes:
        parameters: numbers that the network learnt.
    """

    parameters: int

    def macs(self, side: int) -> int:
        """Multiply-accumulate operations for one tile of (side, side) px."""
        ...


def with_counts(measured: Measured, session: Any, side: int) -> Measured:
    """The measures, with what a session says of the size of its network, if it does."""
    if not isinstance(session, Counted):
        return measured
    counts = {"parameters": session.parameters, "macs": session.macs(side)}
    return measured.model_copy(update=counts)
