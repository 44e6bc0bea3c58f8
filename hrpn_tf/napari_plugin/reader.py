"""Opens slides in napari: the reader of the manifest."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from hrpn_tf.errors import DepthError
from hrpn_tf.napari_plugin.layers import LayerData, slide_layers


def get_reader(path: str | Sequence[str]) -> Callable[..., list[LayerData]] | None:
    """The function that opens a path, as npe2 asks for it; None for several files as one stack.

    What is wrong with a file is said when it is opened: napari shows the message then.

    Args:
        path: file or folder.
    """
    if not isinstance(path, str):
        return None if len(path) != 1 else get_reader(path[0])
    return partial(_read, Path(path))


def _read(path: Path, _: object = None) -> list[LayerData]:
    try:
        return slide_layers(path)
    except DepthError as error:
        raise DepthError(
            f"{path}: holds {error.planes} planes in depth; open it with Open… of the dock "
            "Predict nanoprobes, which asks for one",
            error.planes,
        ) from None
