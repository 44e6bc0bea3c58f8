"""A Keras model as a session."""

from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import BundleError

if TYPE_CHECKING:
    import keras


class KerasSession:
    """Runs a Keras image-to-image model in inference mode.

    The forward pass is compiled once, for every batch, height and width.

    Args:
        model: (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: of the model.
        threads: most threads that one operation uses; None leaves it to TensorFlow. TensorFlow
            takes this once per process, before anything is computed.

    Raises:
        BundleError: TensorFlow has started already with another number of threads.
    """

    def __init__(self, model: "keras.Model", contract: Contract, threads: int | None = None):
        import tensorflow as tf

        if threads is not None:
            limit_threads(threads)
        self.contract = contract
        signature = tf.TensorSpec((None, None, None, len(contract.inputs)), tf.float32)
        self._run: Any = tf.function(
            lambda batch: model(batch, training=False), input_signature=[signature]
        )

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch.

        Args:
            batch: (N, H, W, inputs) grey levels, any real type.

        Returns:
            (N, H, W, outputs) float32 grey levels.

        Raises:
            ContractError: the batch does not fit the contract.
        """
        self.contract.check(batch)
        result: np.ndarray = self._run(np.asarray(batch, np.float32)).numpy()
        return result


def limit_threads(threads: int) -> None:
    """Let one operation of TensorFlow use at most so many threads, in this process.

    Raises:
        BundleError: TensorFlow has started already with another number.
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
