"""A ``.keras`` file that is not trusted: layers of a list, layers that are registered, weights."""

import io
import json
import math
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from hrpn_export.boundary import named_errors, one_line
from hrpn_export.errors import DamagedBundleError
from hrpn_export.safety.keras_names import LAYERS, MODULES, PROGRAMS, READERS

# Entry points of this group name modules that register layers with Keras. Only installed packages
# can add some; a file cannot.
GROUP = "hrpn_export.keras_layers"
CONFIG, WEIGHTS = "config.json", "model.weights.h5"
_PARTS = {CONFIG, "metadata.json", WEIGHTS}
_LARGEST_CONFIG, _LARGEST_WEIGHTS = 64 * 2**20, 4 * 2**30
_MOST_OBJECTS, _DEEPEST = 100_000, 200


def check_keras(path: Path) -> None:
    """Refuse a ``.keras`` file with a Lambda, a wrapped program, or parts besides the weights.

    Raises:
        DamagedBundleError: it contains one of these, a layer that neither Keras nor an installed
            package brings, weights in other files, or is no Keras file.
    """
    with named_errors(f"{path}: no Keras file"):
        with zipfile.ZipFile(path) as archive:
            _check_parts(path, archive)
            objects = list(_objects(path, archive))
            weights = archive.read(WEIGHTS) if WEIGHTS in archive.namelist() else None
        for item in objects:
            _check_object(path, item)
        if weights is not None:
            _check_weights(path, weights)


def keras_objects(path: Path) -> Iterator[dict[str, Any]]:
    """Every object in the configuration of a ``.keras`` file: layers, initialisers and so on.

    Raises:
        DamagedBundleError: it is no Keras file.
    """
    with named_errors(f"{path}: no Keras file"), zipfile.ZipFile(path) as archive:
        found = list(_objects(path, archive))
    yield from found


def _objects(path: Path, archive: zipfile.ZipFile) -> Iterator[dict[str, Any]]:
    if archive.getinfo(CONFIG).file_size > _LARGEST_CONFIG:
        raise DamagedBundleError(f"{path}: its configuration is too large")
    todo, found = [(json.loads(archive.read(CONFIG)), 0)], 0
    while todo:
        item, depth = todo.pop()
        if depth > _DEEPEST:
            raise DamagedBundleError(f"{path}: nested more than {_DEEPEST} levels deep")
        if isinstance(item, dict):
            if "class_name" in item:
                found += 1
                yield item
            todo += ((value, depth + 1) for value in item.values())
        elif isinstance(item, list):
            todo += ((value, depth + 1) for value in item)
        if found > _MOST_OBJECTS:
            raise DamagedBundleError(f"{path}: holds more than {_MOST_OBJECTS} objects")


def register_layers() -> None:
    """Load the modules of installed packages that register layers with Keras."""
    for point in entry_points(group=GROUP):
        point.load()


def _check_parts(path: Path, archive: zipfile.ZipFile) -> None:
    names = archive.namelist()
    if foreign := set(names) - _PARTS:
        name = one_line(repr(min(foreign)))
        raise DamagedBundleError(f"{path}: holds {name}, which is no part of a Keras model here")
    if len(set(names)) < len(names):  # readers could disagree about which one counts
        raise DamagedBundleError(f"{path}: holds two parts of one name")
    size = sum(entry.file_size for entry in archive.infolist())
    if size > min(_LARGEST_WEIGHTS, _LARGEST_CONFIG + 100 * path.stat().st_size):
        raise DamagedBundleError(f"{path}: would unpack to {size} bytes, which is no network")


def _check_object(path: Path, item: dict[str, Any]) -> None:
    kind, module = item["class_name"], item.get("module")
    if not isinstance(kind, str) or not isinstance(module, str | None):
        raise DamagedBundleError(f"{path}: holds an object without a name")
    if kind in PROGRAMS:
        raise DamagedBundleError(
            f"{path}: holds a {kind}, which is a program; it is not loaded, nor run"
        )
    if kind in READERS:
        raise DamagedBundleError(f"{path}: holds a {kind}, which may read other files")
    if kind.startswith("__") and kind.endswith("__"):
        return  # tensors and other values that Keras writes
    home = module or "keras.layers"
    if home == "keras.layers":
        known = kind in LAYERS
    else:
        known = home in MODULES or home.startswith(("keras.src.ops.", "keras.src.models."))
    if not known and not _registered(item):
        name = one_line(f"{item.get('config') if kind == 'function' else kind} of {module}")
        raise DamagedBundleError(
            f"{path}: cannot be loaded: holds {name}, which is no layer that Keras or an installed "
            "package registers"
        )


def _registered(item: dict[str, Any]) -> bool:
    """Whether an installed package registers an object; Keras looks it up by the same name."""
    import keras

    register_layers()
    name = item.get("config") if item["class_name"] == "function" else item.get("registered_name")
    return isinstance(name, str) and keras.saving.get_registered_object(name) is not None


def _check_weights(path: Path, content: bytes) -> None:
    """Refuse weights that lie in other files, or that take more memory than they are stored in."""
    import h5py  # type: ignore[import-untyped]

    size = 0
    with h5py.File(io.BytesIO(content), "r") as file:
        links: list[Any] = []
        file.visititems_links(lambda _, link: links.append(link))  # returns None: go on
        if not all(isinstance(link, h5py.HardLink) for link in links):
            raise DamagedBundleError(f"{path}: cannot be loaded: its weights are links")
        items: list[Any] = []
        file.visititems(lambda _, item: items.append(item))
        for item in items:
            if not isinstance(item, h5py.Dataset):
                continue
            if item.is_virtual or item.external or item.dtype.kind not in "fiubcV":
                raise DamagedBundleError(f"{path}: cannot be loaded: its weights lie elsewhere")
            size += math.prod(item.shape or ()) * item.dtype.itemsize
    if size > len(content):
        raise DamagedBundleError(
            f"{path}: cannot be loaded: its weights would take {size} bytes, and {len(content)} "
            "are there"
        )
