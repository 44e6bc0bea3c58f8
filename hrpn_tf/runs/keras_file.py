"""Load a Keras file of a run without running code from it."""

from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.errors import CheckpointError

if TYPE_CHECKING:
    import keras


def load_keras_file(path: Path) -> "keras.Model":
    """A network, float32 and not compiled; the file is checked like that of a bundle.

    Raises:
        CheckpointError: the file is damaged, or holds something that is no network.
    """
    from hrpn_export.errors import BundleError
    from hrpn_export.runtimes.keras_file import load_keras
    from hrpn_export.safety import check_keras

    import hrpn_tf.models.layers  # noqa: F401  (registers the layers)

    try:
        check_keras(path)
        return load_keras(path)
    except BundleError as error:
        raise CheckpointError(str(error)) from error
