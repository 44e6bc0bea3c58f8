"""Text and HTML of results, for the console and for notebooks."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hrpn_tf.slides import Slide

Cell = str | int | float | None
# A table: one mapping per row, with the same keys. pandas.DataFrame(table) takes it as it is.
Table = tuple[Mapping[str, Cell], ...]

SIDE = 384  # px, of a thumbnail at most
_ROWS = 30  # of a table that is shown
_CONTRAST = (1.0, 99.8)  # percentiles shown as black and white
_LARGEST_FILE = 2_000_000  # bytes of a picture that is put into a page


def text_of(value: object) -> str:
    """A value as it is shown: numbers with four digits, None as a dash.

    >>> text_of(0.123456), text_of(None), text_of(1234)
    ('0.1235', '-', '1234')
    """
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _shown(text: object) -> str:
    return escape(printable(text))


def facts_html(title: str, facts: Mapping[str, object]) -> str:
    """A title and a table of two columns; all text is escaped."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{_shown(name)}</th>"
        f"<td style='text-align:left'>{_shown(text_of(value))}</td></tr>"
        for name, value in facts.items()
    )
    return f"<div><strong>{_shown(title)}</strong><table>{rows}</table></div>"


def table_html(table: Sequence[Mapping[str, Cell]]) -> str:
    """A table with a header; all text is escaped. Only the first rows of a long one are shown."""
    if not table:
        return ""
    head = "".join(f"<th>{_shown(name)}</th>" for name in table[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{_shown(text_of(cell))}</td>' for cell in row.values())}</tr>"
        for row in table[:_ROWS]
    )
    more = len(table) - _ROWS
    left = f"<p>{more} more rows</p>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{left}"


def picture_html(caption: str, png: bytes) -> str:
    """A picture within the page, as a data URI, with its caption."""
    data = base64.b64encode(png).decode("ascii")
    caption = _shown(caption)
    return (
        "<figure style='display:inline-block;margin:4px'>"
        f"<img src='data:image/png;base64,{data}' style='max-width:100%' alt='{caption}'/>"
        f"<figcaption>{caption}</figcaption></figure>"
    )


def file_html(path: Path) -> str:
    """A PNG file within the page; nothing if it is gone or too large."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            return ""
        return picture_html(path.stem, path.read_bytes())
    except OSError:
        return ""


def plane_html(caption: str, plane: "NDArray[np.generic]") -> str:
    """A plane (H, W) of intensities as a small grey picture.

    Black and white are the 1st and the 99.8th percentile.
    """
    step = max(1, -(-max(plane.shape) // SIDE))
    small = np.asarray(plane[::step, ::step], np.float32)
    low, high = np.percentile(small, _CONTRAST)
    grey = np.clip((small - low) / max(high - low, 1e-6), 0, 1) * 255
    return picture_html(caption, png_of(grey.astype(np.uint8)))


def png_of(grey: "NDArray[np.uint8]") -> bytes:
    """A plane (H, W) as the bytes of a PNG file."""
    import cv2

    _, data = cv2.imencode(".png", grey)
    return data.tobytes()


def overview(slide: "Slide", channels: Sequence[int], side: int = SIDE) -> "NDArray[np.generic]":
    """Channels of a whole slide, (h, w, channels), read from a coarse level.

    Args:
        slide: open.
        channels: indices.
        side: px; the coarsest level that is at least as large is read, and thinned out.
    """
    shapes = slide.info.level_shapes
    fits = [number for number, shape in enumerate(shapes) if max(shape) >= side]
    level = max(fits, default=0)
    height, width = shapes[level]
    step = max(1, -(-max(height, width) // side))
    return slide.read(0, 0, height, width, channels, level)[::step, ::step]
