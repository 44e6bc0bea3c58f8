"""A SavedModel as a session."""

from pathlib import Path

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError
from hrpn_export.keras_session import limit_threads
from hrpn_export.names import INPUT, OUTPUT, SIGNATURE
from hrpn_export.runtimes.tensorflow_device import on_device
from hrpn_export.session import run_checked


class SavedModelSession:
    """Runs a signature of a SavedModel, ``serving_default``; see ``hrpn_export.runtimes``."""

    def __init__(
        self,
        path: Path,
        contract: Contract,
        device: str,
        threads: int | None,
        signature: str = SIGNATURE,
    ) -> None:
        import tensorflow as tf

        if threads is not None:
            limit_threads(threads)
        self.contract = contract
        self._device = device
        versions = sorted(
            (p for p in path.iterdir() if p.name.isdigit()), key=lambda p: int(p.name)
        )
        if not versions:
            raise DamagedBundleError(f"{path}: holds no version of a SavedModel")
        with on_device(device):
            try:
                # keep the loaded object: its signature does not
                self._loaded = tf.saved_model.load(str(versions[-1]))
                self._run = self._loaded.signatures[signature]
                self.input_type = self._run.structured_input_signature[1][INPUT].dtype.name
            except (OSError, ValueError, KeyError) as error:
                raise DamagedBundleError(f"{path}: no SavedModel of a bundle: {error}") from None

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(self.contract, batch, self._predict, self.input_type)

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        with on_device(self._device):
            result: np.ndarray = self._run(**{INPUT: tf.constant(batch)})[OUTPUT].numpy()
        return result
