"""A Keras model as a session."""

from typing import TYPE_CHECKING

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import BundleError
from hrpn_export.session import run_checked
from hrpn_export.tracing import with_constant_weights

if TYPE_CHECKING:
    import keras


class KerasSession:
    """Runs a Keras image-to-image model in inference mode.

    The forward pass is compiled once, for every batch, height and width, with the current weights
    as constants. TensorFlow then folds batch normalisation into the convolutions and runs each
    with its bias and activation as one operation, which saves 10 to 25 % of the time and changes
    results by rounding only. A model that is trained further needs a new session.

    Args:
        model: maps (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: contract of the model.
        threads: largest number of threads per operation; None for as many as there are
            usable cores, which is TensorFlow's own default. It can be set once per process, before
            TensorFlow computes anything.

    Attributes:
        contract: contract of the model.
        model: the Keras model, for callers that need more than its output.

    Raises:
        BundleError: TensorFlow has already started with another number of threads.
    """

    def __init__(self, model: "keras.Model", contract: Contract, threads: int | None = None):
        if threads is not None:
            limit_threads(threads)
        self.contract = contract
        self.model = model
        self._run = with_constant_weights(model, len(contract.inputs))

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch.

        Args:
            batch: (N, H, W, inputs) grey levels, any real type.

        Returns:
            (N, H, W, outputs) float32 grey levels.

        Raises:
            ContractError: the batch does not fit the contract.
            SessionError: TensorFlow failed, for want of memory for example.
        """
        return run_checked(self.contract, batch, self._predict)

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        result: np.ndarray = self._run(tf.convert_to_tensor(batch)).numpy()
        return result


def limit_threads(threads: int) -> None:
    """Limit the threads per operation of TensorFlow in this process.

    Raises:
        BundleError: TensorFlow has already started with another number of threads.
    """
    import tensorflow as tf

    if tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        raise BundleError(
            f"cannot limit TensorFlow to {threads} threads: it has started already in this process"
        ) from None
