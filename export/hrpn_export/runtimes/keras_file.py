"""A ``.keras`` file as a session."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_export.boundary import named_errors
from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError
from hrpn_export.keras_session import KerasSession, limit_threads
from hrpn_export.runtimes.tensorflow_device import on_device
from hrpn_export.safety.keras_file import register_layers
from hrpn_export.session import Session

if TYPE_CHECKING:
    import keras

# A few values of a network are no stored weights, such as the state of a random generator.
_SPARE = 2**20


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
        DamagedBundleError: it is no Keras file, has layers that no installed package registers,
            or describes larger layers than it holds weights for.
    """
    import keras

    register_layers()
    with named_errors(f"{path}: cannot be loaded"), _weights_within(path):
        return keras.saving.load_model(path, compile=False, safe_mode=True)


@contextmanager
def _weights_within(path: Path) -> Iterator[None]:
    """Refuse layers with more weights than a file can store, before they take memory.

    Keras makes and fills the weights that the configuration asks for, and only then reads the
    stored ones.
    """
    import keras

    stored = path.stat().st_size  # Keras does not compress
    owner, original = threading.get_ident(), keras.layers.Layer.add_weight
    taken, refusals = 0, list[DamagedBundleError]()

    def add_weight(self: Any, shape: Any = None, *arguments: Any, **others: Any) -> Any:
        nonlocal taken
        if threading.get_ident() == owner:
            taken += math.prod(size or 0 for size in shape or ())
            if taken > stored + _SPARE:  # each is a byte at least
                refusals.append(
                    DamagedBundleError(
                        f"{path}: cannot be loaded: the layer {self.name} is larger than the "
                        "weights in the file"
                    )
                )
                raise refusals[0]
        return original(self, shape, *arguments, **others)

    keras.layers.Layer.add_weight = add_weight
    try:
        yield
    except Exception:
        if refusals:  # Keras wraps what a layer raises into errors of its own
            raise refusals[0] from None
        raise
    finally:
        keras.layers.Layer.add_weight = original
