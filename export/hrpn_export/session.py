"""A loaded model, ready to predict: one protocol for every format."""

from collections.abc import Callable
from typing import Protocol

import numpy as np

from hrpn_export.boundary import is_exhausted, named_errors
from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError, DeviceMemoryError, SessionError
from hrpn_export.stored_input import as_type


class Session(Protocol):
    """A loaded model. Calling it predicts one batch.

    Attributes:
        contract: contract of the model; it says which sizes are allowed.
    """

    contract: Contract

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch.

        Args:
            batch: (N, H, W, inputs) grey levels, any real type.

        Returns:
            (N, H, W, outputs) float32 grey levels.

        Raises:
            ContractError: the batch does not fit the contract, or holds NaN or infinite pixels.
            SessionError: the runtime failed.
        """
        ...


def largest_side(session: Session) -> int | None:
    """The largest height and width that a session takes, px; None if there is no limit.

    A session with a limit has an attribute of this name.
    """
    side: int | None = getattr(session, "largest_side", None)
    return side


def run_checked(
    contract: Contract,
    batch: np.ndarray,
    run: Callable[[np.ndarray], np.ndarray],
    input_type: str = "float32",
) -> np.ndarray:
    """Check and convert a batch, run it, and check the result, as every session does.

    Args:
        contract: contract of the model.
        batch: (N, H, W, inputs) grey levels, any real type.
        run: maps a batch of ``input_type`` in C order to (N, H, W, outputs).
        input_type: that the graph takes, see :mod:`hrpn_export.stored_input`.

    Returns:
        (N, H, W, outputs) float32 grey levels.

    Raises:
        ContractError: the batch does not fit the contract, or the result does not; or the batch
            holds NaN or infinite pixels, which some runtimes turn into numbers without a word; or
            numbers that the input type does not have.
        SessionError: the runtime failed.
        DeviceMemoryError: it ran out of memory.
    """
    contract.check(batch)
    pixels = _checked(batch)
    if input_type != "float32":
        pixels = as_type(batch, input_type)
    try:
        with named_errors("the model failed while it ran", SessionError):
            result = np.asarray(run(pixels), np.float32)
    except SessionError as error:
        if not is_exhausted(error.__cause__):
            raise
        count, height, width = batch.shape[:3]
        raise DeviceMemoryError(
            f"out of memory on {count} x {height} x {width} px; smaller tiles, fewer at a time, or "
            f"another device need less ({error})"
        ) from error.__cause__
    expected = (*batch.shape[:3], len(contract.outputs))
    if result.shape != expected:
        raise ContractError(f"the model gave an array {result.shape} where {expected} was due")
    return result


def _checked(batch: np.ndarray) -> np.ndarray:
    """A batch as float32 in C order."""
    if batch.dtype.kind not in "fiub":
        raise ContractError(f"expected an array of numbers, got {batch.dtype}")
    with np.errstate(over="ignore"):  # too large for float32: infinite, and refused below
        converted = np.ascontiguousarray(batch, np.float32)
    if batch.dtype.kind == "f" and not np.isfinite(converted).all():
        place = np.argwhere(~np.isfinite(converted))[0].tolist()
        raise ContractError(
            f"the batch holds NaN or infinite pixels, the first at {place} (N, H, W, C); replace "
            "them by grey levels"
        )
    return converted
