"""A ``.keras`` file as a session."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError
from hrpn_export.keras_session import KerasSession, limit_threads
from hrpn_export.runtimes.tensorflow_device import on_device
from hrpn_export.session import Session

if TYPE_CHECKING:
    import keras

# Entry points of this group name modules that register layers with Keras. Only installed packages
# can add some; a bundle cannot.
LAYERS = "hrpn_export.keras_layers"


def open_keras(path: Path, contract: Contract, device: str, threads: int | None) -> Session:
    """Load a Keras model as a session; no code in the file is executed.

    Raises:
        DamagedBundleError: see :func:`load_keras`.
    """
    if threads is not None:
        limit_threads(threads)  # before the model is loaded, which starts TensorFlow
    with on_device(device):
        return KerasSession(load_keras(path), contract, threads)


def load_keras(path: Path) -> "keras.Model":
    """Load a ``.keras`` file with the layers that installed packages register.

    No code in the file is executed.

    Args:
        path: path of the file.

    Returns:
        The model, not compiled for training.

    Raises:
        DamagedBundleError: it is no Keras file, or has layers that no installed package registers.
    """
    import keras

    for point in entry_points(group=LAYERS):
        point.load()
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DamagedBundleError(f"{path}: cannot be loaded: {line}") from None
