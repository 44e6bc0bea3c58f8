"""Load the weights of the published PyTorch network into ``hrpn-published``."""

import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from hrpn_tf.errors import CheckpointError, CheckpointNotFoundError
from hrpn_tf.extras import install_line
from hrpn_tf.models.published import module_name

_NORM_ENTRIES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_CONV_ENTRIES = {"kernel": "weight", "bias": "bias"}
_WRAPPERS = ("state_dict", "model_state_dict", "model")

# What torch.load raises for files of other kinds, truncated ones, and disallowed contents.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)


def load_state_dict(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Set the weights of an ``hrpn-published`` model from a PyTorch state dict.

    Args:
        model: what ``build_model("hrpn-published", ...)`` gives.
        state: arrays in PyTorch layout (kernels (out, in, height, width)) by name; a common
            prefix ``module.`` and the counters ``num_batches_tracked`` are ignored.

    Raises:
        CheckpointError: entries are missing, unexpected, of another shape or not finite; the
            model is then unchanged.
    """
    state = _tidy(state)
    entries = dict(_entries(model))
    _check_names(set(entries), set(state))
    values = {name: np.asarray(state[name], dtype=np.float32) for name in entries}
    for name, variable in entries.items():
        if values[name].shape != _torch_shape(variable):
            raise CheckpointError(
                f"checkpoint entry {name}: shape {values[name].shape}, "
                f"the model needs {_torch_shape(variable)}"
            )
        if not np.isfinite(values[name]).all():
            raise CheckpointError(f"checkpoint entry {name}: holds NaN or infinite values")
    for name, variable in entries.items():
        value = values[name]
        variable.assign(value.transpose(2, 3, 1, 0) if value.ndim == 4 else value)


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """The tensors of the state dict in a PyTorch checkpoint (.pth, .pt), by name.

    Nothing in the file is executed: a pickle that names anything but tensors and plain values is
    refused. A state dict may be wrapped under ``state_dict``, ``model_state_dict`` or ``model``.

    Raises:
        CheckpointError: no such file, PyTorch is not installed, the file is no checkpoint or is
            damaged, could run code, or holds no tensors.
    """
    if not path.is_file():
        raise CheckpointNotFoundError(f"{path}: no such file")
    loaded = _load_weights_only(path)
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    entries = loaded.items() if isinstance(loaded, Mapping) else ()
    tensors = {str(name): value for name, value in entries if hasattr(value, "detach")}
    if not tensors:
        raise CheckpointError(f"{path}: holds no state dict; save model.state_dict() and try again")
    return {name: tensor.detach().float().cpu().numpy() for name, tensor in tensors.items()}


def _load_weights_only(path: Path) -> Any:
    try:
        import torch
    except ImportError:
        raise CheckpointError(
            f"{path}: reading it needs PyTorch: {install_line('torch')}"
        ) from None
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        if named := re.search(r"GLOBAL (\S+)", str(error)):
            raise CheckpointError(
                f"{path}: not loaded: it holds {named[1]}, and a checkpoint with more than tensors "
                "can run code; save model.state_dict() alone and try again"
            ) from None
        raise CheckpointError(f"{path}: no PyTorch checkpoint, or a damaged one") from None


def _entries(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """State-dict name and Keras variable of every weight, in order of execution."""
    for layer in model.layers:
        norm = isinstance(layer, keras.layers.BatchNormalization)
        names = _NORM_ENTRIES if norm else _CONV_ENTRIES
        for variable in layer.weights:
            yield f"{module_name(layer.name)}.{names[variable.name]}", variable


def _torch_shape(variable: Any) -> tuple[int, ...]:
    shape = tuple(variable.shape)
    return (shape[3], shape[2], shape[0], shape[1]) if len(shape) == 4 else shape


def _tidy(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Without the prefix of DataParallel and the counters that inference does not use."""
    return {
        name.removeprefix("module."): value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _check_names(expected: set[str], found: set[str]) -> None:
    problems = []
    if missing := sorted(expected - found):
        problems.append(f"missing {_some(missing)}")
    if unexpected := sorted(found - expected):
        problems.append(f"unexpected {_some(unexpected)}")
    if problems:
        raise CheckpointError(f"the checkpoint is not of the published HRPN: {'; '.join(problems)}")


def _some(names: list[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
