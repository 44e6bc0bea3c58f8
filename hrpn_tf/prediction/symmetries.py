"""Average a network over the eight orientations of a tile: four quarter turns, each also mirrored.

Tissue has no up or left, so all orientations are equally good inputs. A trained network predicts
them slightly differently. The mean squared error of the average is at most the mean of theirs.
"""

from collections.abc import Iterator

import numpy as np
from hrpn_export import ContractError, Session
from hrpn_export.session import largest_side

ORIENTATIONS = 8
# (quarter turns, whether mirrored first); the first one leaves a tile as it is
_ORIENTATIONS = tuple((turns, mirrored) for mirrored in (False, True) for turns in range(4))


class SymmetricSession:
    """A session that averages another one over the eight orientations of its input.

    The orientations are run one after another, so the time is eight times that of the session, and
    the memory hardly larger. Bounds of prediction intervals are averaged like the prediction.

    Args:
        session: session of the network. It must also take tiles with height and width exchanged.

    Attributes:
        contract: contract of the network.

    Example:
        >>> from hrpn_export import Contract
        >>> class Left:  # each pixel is what lies left of it
        ...     contract = Contract(("in",), ("out",), 0.5, 1, 3, True, 255.0)
        ...     def __call__(self, batch):
        ...         return np.pad(batch, ((0, 0), (0, 0), (1, 0), (0, 0)))[:, :, :-1]
        >>> point = np.zeros((1, 3, 3, 1), np.float32)
        >>> point[0, 1, 1] = 8
        >>> SymmetricSession(Left())(point)[0, :, :, 0].tolist()
        [[0.0, 2.0, 0.0], [2.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.contract = session.contract
        self.largest_side = largest_side(session)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``.

        Raises:
            ContractError: also if the network does not take the turned batch.
        """
        total = np.zeros((*batch.shape[:3], len(self.contract.outputs)), np.float32)
        for turned, view in _orientations(batch, total):
            view += self._run(turned, batch.shape)
        total /= ORIENTATIONS
        return total

    def _run(self, turned: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        try:
            return self._session(turned)
        except ContractError as error:
            if turned.shape == shape:
                raise
            raise ContractError(
                f"{error}; --symmetries turns tiles of {shape[1]} x {shape[2]} px by 90 degrees, "
                "so the network must take both shapes"
            ) from None


def _orientations(batch: np.ndarray, total: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The orientations of a batch, each with the view of ``total`` in the same orientation."""
    for turns, mirrored in _ORIENTATIONS:
        turned, view = (
            np.rot90(each[:, :, ::-1] if mirrored else each, turns, axes=(1, 2))
            for each in (batch, total)
        )
        yield turned, view


def extra_bytes_per_px(session: Session) -> int:
    """Memory that the average needs beside the network, per pixel of a tile, bytes."""
    contract = session.contract
    # a turned copy of the input, and the sum
    return 4 * (len(contract.inputs) + len(contract.outputs))
