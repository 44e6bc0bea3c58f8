"""Which framework Keras computes with in this process: TensorFlow, or JAX to train.

Keras decides when it is imported, so this module must be asked before, and imports neither.
"""

import os
import sys
from importlib.util import find_spec
from typing import Literal, get_args

from hrpn_tf.errors import BackendError

BackendName = Literal["tensorflow", "jax"]
BACKENDS: tuple[str, ...] = get_args(BackendName)
DEFAULT: BackendName = "tensorflow"

# XLA on a GPU is otherwise free to add up in any order.
_DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def choose_backend(name: str, *, deterministic: bool = True) -> None:
    """Let Keras compute with a framework, whatever the environment or Keras' own file says.

    Args:
        name: one of ``BACKENDS``.
        deterministic: the same seed gives the same weights; needs saying before JAX is imported.

    Raises:
        BackendError: JAX is not installed, or Keras was imported for another framework already.
    """
    # a folder of that name in the working directory is found, too, and has no origin
    if name == "jax" and getattr(find_spec("jax"), "origin", None) is None:
        raise BackendError(
            "JAX is not installed: pip install 'hrpn-tf[jax]', or 'jax[cuda13]' for a GPU"
        )
    if "keras" in sys.modules:
        refuse_other_backend(name)
        return
    os.environ["KERAS_BACKEND"] = name
    if name == "jax" and deterministic and _DETERMINISTIC not in os.environ.get("XLA_FLAGS", ""):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DETERMINISTIC}".strip()


def refuse_other_backend(name: str) -> None:
    """Refuse to go on where Keras, which was imported already, computes with another framework.

    Raises:
        BackendError: says which, and what to do.
    """
    found = sys.modules["keras"].backend.backend()
    if found != name:
        raise BackendError(
            f"training.backend is {name}, and Keras computes with {found} in this process, which "
            "cannot change any more; train with hrpn-tf fit, or, from Python, call fit in a new "
            "process"
        )
