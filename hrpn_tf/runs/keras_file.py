"""Load a Keras file of a run without running code from it."""

from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from hrpn_tf.errors import CheckpointError

if TYPE_CHECKING:
    import keras


def load_keras_file(path: Path) -> "keras.Model":
    """A network, float32 and not compiled.

    Raises:
        CheckpointError: the file is damaged or holds something else.
    """
    import keras

    import hrpn_tf.models.layers  # noqa: F401  (registers the layers)

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
        problem = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: cannot be loaded: {problem}") from None
