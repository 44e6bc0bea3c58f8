"""The chain of pages (IFDs) of a TIFF file: each page says where the next one is."""

import struct
from pathlib import Path
from typing import Any

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.planes import read_bytes

_MAX_PAGES = 65_536


def refuse_endless(tif: Any, path: Path) -> None:
    """Refuse a chain of pages that leads back to itself, which tifffile follows for ever.

    A chain that breaks off is not refused: tifffile takes the pages up to there.

    Args:
        tif: an open tifffile.TiffFile.
        path: its path.

    Raises:
        SlideFormatError: the chain is circular, or longer than any slide's.
    """
    form, size, descriptor = tif.tiff, tif.filehandle.size, tif.filehandle.fileno()
    offset = tif.pages.first.offset
    seen: set[int] = set()
    while 0 < offset <= size - form.tagnosize:
        if offset in seen or len(seen) > _MAX_PAGES:
            problem = "circular" if offset in seen else f"longer than {_MAX_PAGES} pages"
            raise SlideFormatError(f"{path}: malformed: its chain of pages is {problem}")
        seen.add(offset)
        encoded = read_bytes(path, descriptor, offset, form.tagnosize)
        after = offset + form.tagnosize + form.tagsize * struct.unpack(form.tagnoformat, encoded)[0]
        if after > size - form.offsetsize:
            return
        encoded = read_bytes(path, descriptor, after, form.offsetsize)
        offset = struct.unpack(form.offsetformat, encoded)[0]
