"""Opens a slide in any supported format."""

import os
from pathlib import Path

from hrpn_tf.errors import HrpnError, SlideFormatError, SlideNotFoundError
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.slides.accepted import reading_labels
from hrpn_tf.slides.depth import Depth, reading_depth
from hrpn_tf.slides.planes import CACHE_BYTES
from hrpn_tf.slides.readers import BUILT_IN, candidates, warn_failed
from hrpn_tf.slides.slide import Slide, SlideInfo


def open_labels(path: Path | str, cache_bytes: int = CACHE_BYTES) -> Slide:
    """Open a label image or a mask: :func:`open_slide`, also for integers of 4 and 8 bytes.

    Args, Raises: see :func:`open_slide`.
    """
    with reading_labels():
        return open_slide(path, cache_bytes)


def open_slide(
    path: Path | str, cache_bytes: int = CACHE_BYTES, *, z: Depth | None = None
) -> Slide:
    """Open a slide with the first reader that recognises its format.

    ``docs/guide/slides.md`` lists the formats. Only the description is read. Close the slide, or
    use it as a context manager.

    Args:
        path: file or folder.
        cache_bytes: memory for decoded strips and tiles that later windows may need, bytes.
        z: what is read of a stack of planes in depth: one of them, counted from 1, or the "max" or
            "mean" of all at each pixel. None refuses stacks. A slide with one plane is not changed.

    Raises:
        SlideNotFoundError: the path does not exist.
        SlideFormatError: the format is not supported, or the slide is damaged. The subclasses
            RgbSlideError, DepthError and ChannelSizeError are more specific.
        PixelSizeError: the pixels are not square.
    """
    with reading_depth(z):
        return _open(Path(path), cache_bytes)


def _open(path: Path, cache_bytes: int) -> Slide:
    _refuse_what_is_no_file(path)
    try:
        for reader, built_in in candidates(path):
            if built_in:
                return reader.open(path, cache_bytes)
            try:
                slide = reader.open(path, cache_bytes)
                if not isinstance(slide.info, SlideInfo):
                    raise TypeError("its slide has no SlideInfo")
            except HrpnError:
                raise
            except Exception as error:  # noqa: BLE001 (code of other packages; another reader may work)
                warn_failed(reader, path, error)
            else:
                return slide
    except OSError as error:
        raise SlideFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    known = ", ".join(reader.name for reader in BUILT_IN[1:])
    raise SlideFormatError(f"{path}: not a TIFF, nor anything else that is read ({known})")


def _refuse_what_is_no_file(path: Path) -> None:
    refuse_other_kind(path, "slide")
    if not os.path.exists(path):  # unlike Path.exists, also for names no file can have
        if os.path.islink(path):
            raise SlideNotFoundError(f"{path}: is a link that leads nowhere")
        raise SlideNotFoundError(f"{path}: no such slide")
    # before any reader looks at it: the first byte of a pipe may never come
    if not path.is_file() and not path.is_dir():
        raise SlideFormatError(f"{path}: is neither a file nor a folder")
