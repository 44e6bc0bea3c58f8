"""A loaded model, ready to run: one protocol for every format."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError


class Session(Protocol):
    """Runs one model.

    Calling it takes a batch (N, H, W, inputs) of grey levels in any real type and gives float32
    (N, H, W, outputs) grey levels. The contract says which sizes are allowed.
    """

    contract: Contract

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch."""
        ...


def largest_side(session: Session) -> int | None:
    """The largest height and width that a session takes, px; None if there is no limit.

    A session that has one says so by an attribute of this name.
    """
    side: int | None = getattr(session, "largest_side", None)
    return side


def run_checked(
    contract: Contract, batch: np.ndarray, run: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """What every session does around its runtime.

    Args:
        contract: of the model.
        batch: (N, H, W, inputs) grey levels, any real type.
        run: takes float32, C order, and gives (N, H, W, outputs).

    Returns:
        (N, H, W, outputs) float32 grey levels.

    Raises:
        ContractError: the batch does not fit the contract, or the result does not.
    """
    contract.check(batch)
    result = np.asarray(run(np.ascontiguousarray(batch, np.float32)), np.float32)
    expected = (*batch.shape[:3], len(contract.outputs))
    if result.shape != expected:
        raise ContractError(f"the model gave an array {result.shape} where {expected} was due")
    return result
