"""A ``.keras`` file as a session."""

from importlib.metadata import entry_points
from pathlib import Path
from zipfile import BadZipFile

from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError
from hrpn_export.keras_session import KerasSession, limit_threads
from hrpn_export.runtimes.tensorflow_device import on_device
from hrpn_export.session import Session

# Installed packages name modules there that register their layers with Keras. A bundle cannot.
LAYERS = "hrpn_export.keras_layers"


def open_keras(path: Path, contract: Contract, device: str, threads: int | None) -> Session:
    """Load a Keras model; no code from the file is run.

    Raises:
        DamagedBundleError: it is no Keras file, or has layers that no installed package registers.
    """
    import keras

    if threads is not None:
        limit_threads(threads)  # before the model is loaded, which starts TensorFlow
    for point in entry_points(group=LAYERS):
        point.load()
    with on_device(device):
        try:
            model = keras.saving.load_model(path, compile=False, safe_mode=True)
        except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise DamagedBundleError(f"{path}: cannot be loaded: {line}") from None
        return KerasSession(model, contract, threads)
