"""What a training needs of the framework that Keras computes with: TensorFlow or JAX.

Loop, checkpoints, losses, optimizers and data are the same for both. What differs is here: each
framework is a module with the functions of :class:`Backend`. Keras chooses its backend when it is
imported (:mod:`hrpn_tf.keras_backend`), and ``backend`` is the module that goes with it.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, Protocol, cast

import keras

from hrpn_tf.errors import BackendError
from hrpn_tf.keras_backend import BACKENDS

Function = Callable[..., Any]
Variables = Sequence[Any]  # of Keras


class Backend(Protocol):
    """The functions of a framework. Tensors are its own; variables are those of Keras."""

    # Type of the sums of a step: wide enough to add up exactly, or summed in rows (see ``sums``).
    SUMS: str
    SUMS_BY_ROW: bool

    def compiled(
        self, function: Function, variables: Variables, *, updates: bool = True
    ) -> Function:
        """One graph of a function that reads the variables and, with ``updates``, assigns them.

        The arguments are what ``tf.data`` gives or tensors; so is what it returns.
        """

    def fused(self, function: Function) -> Function:
        """A part of a graph that XLA compiles as a whole."""

    def gradients(
        self, function: Callable[[], tuple[Any, Any]], trained: Variables, others: Variables
    ) -> tuple[list[Any], Any]:
        """Gradients of a scalar, and what comes along with it.

        Args:
            function: gives the scalar and anything else.
            trained: the gradients are of these.
            others: that the function may assign.
        """

    def unrecorded(self) -> AbstractContextManager[None]:
        """A context within the function of :meth:`gradients` that is not differentiated."""

    def apply(self, optimizer: Any, gradients: Sequence[Any], trained: Variables) -> None:
        """One step of a built optimizer."""

    def add_parts(
        self,
        gradients: Callable[..., tuple[list[Any], Any]],
        data: Any,
        parts: int,
        variables: Variables,
    ) -> tuple[list[Any], Any]:
        """The sums of gradients and sums over equal parts of a batch, one after another.

        Args:
            gradients: of a part of ``data``, unpacked, to gradients and sums.
            data: tensors that are divided along their first axis.
            parts: how many, 2 or more.
            variables: that ``gradients`` reads or assigns.
        """

    def map_parts(self, function: Function, tensor: Any, parts: int) -> Any:
        """Predict a batch in equal parts, one after another; (N, H, W, C) to (N, H, W, 1)."""

    def frozen(self, network: keras.Model, inputs: int) -> Function:
        """A network's prediction as a function, with its weights as constants.

        Args:
            network: trained.
            inputs: number of its channels.
        """

    def cores(self, image: Any, corner: Any, side: int) -> Any:
        """Squares (N, side, side, C) of images (N, H, W, C), from rows and columns (N, 2) on."""

    def prepare(self, deterministic: bool) -> None:
        """Called once, before anything is computed."""

    def gpu_names(self) -> list[str]:
        """Names of the GPUs that train."""

    def free_on_gpus(self) -> list[int]:
        """Free memory of each GPU, bytes; empty without a GPU, or if the size is unknown."""

    def gpu_bytes(self, what: str) -> int:
        """The ``current`` or ``peak`` allocation of the first GPU, bytes."""

    def forget_peak(self) -> None:
        """Reset the peak counter of the first GPU, where the framework can."""

    def is_exhausted(self, error: BaseException) -> bool:
        """Whether an error means that a device ran out of memory."""

    def versions(self) -> Mapping[str, str]:
        """Name and version of the framework."""


def _load() -> Backend:
    name = keras.backend.backend()
    if name not in BACKENDS:
        raise BackendError(
            f"Keras runs on {name} in this process, and training is on {' or '.join(BACKENDS)}; "
            "unset KERAS_BACKEND"
        )
    return cast(Backend, import_module(f"{__name__}.{name}"))


backend = _load()
