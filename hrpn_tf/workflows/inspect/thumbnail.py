"""A picture of a slide: each channel in grey, and all of them together in colour."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.figures import figure_style
from hrpn_tf.files import atomic_path
from hrpn_tf.scale_bar import draw_scale_bar, scale_bar
from hrpn_tf.slides.resample import area_means
from hrpn_tf.text import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 1024  # largest side of the picture, px
_GAP, _TITLE = 8, 22
_CONTRAST = (1.0, 99.8)  # percentiles shown as black and white
BACKGROUND = "#14161a"
_BY_ROLE = {"nuclei": (0.25, 0.42, 1.0), "vessels": (0.1, 0.95, 0.35), "qd": (1.0, 0.35, 0.1)}
_OTHERS = ((1.0, 0.2, 0.9), (0.95, 0.9, 0.2), (0.2, 0.9, 0.95), (0.75, 0.75, 0.75))
_TOGETHER = 4  # largest number of channels; more are indistinguishable


@dataclass(frozen=True)
class Panel:
    """One channel.

    Attributes:
        name, role: see :class:`hrpn_tf.workflows.inspect.slide.ChannelReport`.
        image: (H, W) intensities of the whole slide at any size; None if not available.
    """

    name: str
    role: str | None
    image: np.ndarray | None


@figure_style()
def save_thumbnail(
    path: Path,
    panels: Sequence[Panel],
    shape: tuple[int, int],
    pixel_size_um: float | None,
    overwrite: bool,
) -> None:
    """Write a PNG of at most 1024 x 1024 px.

    Args:
        path: path of the file.
        panels: the channels.
        shape: (height, width) of the slide at full resolution, px.
        pixel_size_um: um per pixel at full resolution, for a scale bar; None for no bar.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
        OSError: the folder cannot be written to.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    count = len(panels) + (len(panels) > 1)
    rows, columns, height, width = arrange(count, *shape)
    pictures = [grey_picture(panel, height, width) for panel in panels]
    colours = role_colours(panels)
    titles = [(panel.name, colours.get(i, (1, 1, 1))) for i, panel in enumerate(panels)]
    rgb = [np.repeat(picture[..., None], 3, axis=-1) for picture in pictures]
    if len(panels) > 1:
        rgb.append(composite([pictures[i] for i in colours], list(colours.values())))
        titles.append(("together", (1, 1, 1)))
    total = (rows * (height + _TITLE + _GAP) + _GAP, columns * (width + _GAP) + _GAP)
    figure = Figure(figsize=(total[1] / 100, total[0] / 100), dpi=100, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    for index, (image, (title, colour)) in enumerate(zip(rgb, titles, strict=True)):
        top = _GAP + _TITLE + (index // columns) * (height + _TITLE + _GAP)
        left = _GAP + (index % columns) * (width + _GAP)
        figure.figimage(image, left, total[0] - top - height, origin="upper")
        figure_text(figure, left, top - 6, shortened(title, width), colour)
        if index == len(rgb) - 1 and pixel_size_um is not None:
            um_per_px = pixel_size_um * shape[1] / width
            _scale_bar(figure, left + width, top + height, (width, height), um_per_px)
    with atomic_path(path, overwrite) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names may contain characters that the font lacks
        # without the version of the library, so that the same slide gives the same bytes
        figure.savefig(temporary, format="png", facecolor=BACKGROUND, metadata={"Software": None})


def arrange(count: int, height: int, width: int) -> tuple[int, int, int, int]:
    """(rows, columns, panel height, panel width), px, of the largest panels that fit.

    >>> arrange(4, 600, 1041)
    (2, 2, 288, 500)
    """
    best = (0.0, 1, 1)
    for columns in range(1, count + 1):
        rows = math.ceil(count / columns)
        room_x = (SIDE - _GAP) / columns - _GAP
        room_y = (SIDE - _GAP) / rows - _GAP - _TITLE
        best = max(best, (min(room_x / width, room_y / height), rows, columns))
    scale, rows, columns = best
    return rows, columns, max(1, int(height * scale)), max(1, int(width * scale))


def fitted(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """(height, width) float32: the image in the size of a panel, px."""
    if image.shape[0] > height and image.shape[1] >= width:
        return area_means(image, height, width)
    rows, columns = (
        np.arange(to) * size // to for to, size in zip((height, width), image.shape, strict=True)
    )
    return image[rows[:, None], columns].astype(np.float32)


def grey_picture(panel: Panel, height: int, width: int) -> np.ndarray:
    """(height, width) float32 from 0 to 1, scaled by the percentiles of the panel."""
    if panel.image is None:
        return np.zeros((height, width), np.float32)
    small = fitted(panel.image, height, width)
    low, high = np.percentile(small, _CONTRAST)
    if high <= low:
        low, high = float(small.min()), float(small.max())
    return np.clip((small - low) / max(high - low, 1e-9), 0, 1).astype(np.float32)


def role_colours(panels: Sequence[Panel]) -> dict[int, tuple[float, float, float]]:
    """Index and colour of each channel in the composite; channels with a role come first."""
    order = sorted(range(len(panels)), key=lambda i: (panels[i].role is None, i))[:_TOGETHER]
    found: dict[int, tuple[float, float, float]] = {}
    others = iter(_OTHERS)
    for index in order:
        colour = _BY_ROLE.get(panels[index].role or "")
        found[index] = next(others) if colour is None or colour in found.values() else colour
    return found


def composite(
    pictures: Sequence[np.ndarray], colours: Sequence[tuple[float, float, float]]
) -> np.ndarray:
    """(H, W, 3) from 0 to 1: the sum of the coloured pictures."""
    image = sum(
        picture[..., None] * np.asarray(colour, np.float32)
        for picture, colour in zip(pictures, colours, strict=True)
    )
    return np.clip(image, 0, 1)


def _scale_bar(
    figure: "Figure", right: int, below: int, panel: tuple[int, int], um_per_px: float
) -> None:
    """A bar of about a quarter of a panel's width, if there is room, in whole pixels.

    Args:
        figure: of ``dpi`` dots per inch.
        right, below: lower right corner of the panel, px from the upper left of the figure.
        panel: (width, height) of the panel, px.
        um_per_px: um per pixel of the panel.
    """
    width, height = panel
    bar = scale_bar(max(width, 4) / 4, um_per_px)
    bar = replace(bar, length_px=max(1, round(bar.length_px)))
    if height < 34 or bar.length_px > width - 12:
        return
    inches = figure.get_size_inches() * figure.dpi
    size = (round(inches[0]), round(inches[1]))
    draw_scale_bar(figure, bar, right - 12, below - 14, thickness=4, size=size)


def figure_text(
    figure: "Figure",
    x: float,
    y: float,
    text: str,
    colour: tuple[float, float, float],
) -> None:
    """White or coloured text with a dark edge, its base line at (x, y) px from the top left."""
    from matplotlib.patheffects import withStroke

    width, height = figure.get_size_inches() * figure.dpi
    lighter = tuple(0.35 + 0.65 * part for part in colour)
    figure.text(
        x / width,
        1 - y / height,
        text,
        color=lighter,
        fontsize=10,
        parse_math=False,
        path_effects=[withStroke(linewidth=2, foreground="black")],
    )


def shortened(text: str, width: int) -> str:
    """A name shortened to the width of a panel, at about 8 px per letter."""
    text = printable(" ".join(text.split()))
    room = max(3, width // 8)
    return text if len(text) <= room else text[: room - 1] + "…"
