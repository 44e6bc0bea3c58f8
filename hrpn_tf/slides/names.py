"""Names of slides."""

from pathlib import Path

from hrpn_tf.errors import UsageError
from hrpn_tf.text import printable


def slide_name(slide: Path) -> str:
    """Name of a slide for which none is given: ``01`` of ``01.ome.tif``; that of a folder."""
    if slide.is_dir():
        return slide.resolve().name.removesuffix(".zarr").removesuffix(".ome")
    return slide.name.removesuffix(slide.suffix).removesuffix(".ome")


def refuse_bad_name(name: str) -> None:
    """Refuse the name of a slide that cannot be that of a file: results are named after it.

    Raises:
        UsageError: it is empty, a step up or down in folders, or holds a slash or a NUL.
    """
    if name in ("", ".", "..") or "\0" in name or Path(name).name != name:
        raise UsageError(
            f"the slide name '{printable(name)}' cannot be a file name; change it in the list"
        )
