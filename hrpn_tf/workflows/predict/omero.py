"""Rendering settings for OMERO, which reads display ranges from no image file."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from hrpn_tf.files import atomic_path
from hrpn_tf.slides.description import ChannelDisplay

SUFFIX = ".render.yml"


def settings_path(image: Path) -> Path:
    """Where the rendering settings of an image lie.

    >>> settings_path(Path("with-inputs/a.ome.tif"))
    PosixPath('with-inputs/a.render.yml')
    """
    stem = image.name.removesuffix(image.suffix).removesuffix(".ome")
    return image.with_name(f"{stem}{SUFFIX}")


def write_settings(image: Path, names: Sequence[str], display: Sequence[ChannelDisplay]) -> Path:
    """Write rendering settings beside an image, for ``omero render set``.

    The format is version 2 of omero-cli-render: channels counted from 1, ``start`` and ``end`` of
    the window that is displayed.

    Args:
        image: the image.
        names, display: of its channels.
    """
    settings = {
        "version": 2,
        "greyscale": False,
        "channels": {
            number: {
                "label": name,
                "color": one.colour,
                "start": _readable(one.low),
                "end": _readable(one.high),
                "active": one.visible,
            }
            for number, (name, one) in enumerate(zip(names, display, strict=True), start=1)
        },
    }
    path = settings_path(image)
    with atomic_path(path, overwrite=True) as temporary:
        text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        temporary.write_text(text, encoding="utf-8")
    return path


def _readable(level: float) -> float:
    """A grey level with six digits, more than any display shows."""
    return float(f"{level:.6g}")
