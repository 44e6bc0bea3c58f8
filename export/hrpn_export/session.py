"""A loaded model, ready to run: one protocol for every format."""

from typing import Protocol

import numpy as np

from hrpn_export.contract import Contract


class Session(Protocol):
    """Runs one model.

    Calling it takes a batch (N, H, W, inputs) of grey levels in any real type and gives float32
    (N, H, W, outputs) grey levels. The contract says which sizes are allowed.
    """

    contract: Contract

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch."""
        ...
