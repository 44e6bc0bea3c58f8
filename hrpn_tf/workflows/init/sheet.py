"""The contact sheet as a picture: a thumbnail of every slide with the outline of its tissue."""

import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from hrpn_tf.figures import figure_style
from hrpn_tf.files import atomic_path
from hrpn_tf.workflows.init.look import Look
from hrpn_tf.workflows.init.proposal import Proposal, ProposedSlide
from hrpn_tf.workflows.inspect.thumbnail import (
    BACKGROUND,
    Panel,
    composite,
    figure_text,
    grey_picture,
    role_colours,
    shortened,
)

MOST = 60  # slides on the picture; the page shows more
_SIDE, _GAP, _LINE = 260, 14, 18  # px
_COLUMNS = 6
_TEXT = 4  # lines below a picture
_DOUBT, _OUT, _PLAIN, _SOFT = (1.0, 0.75, 0.2), (1.0, 0.35, 0.3), (0.9, 0.9, 0.9), (0.7, 0.7, 0.7)
OUTLINE = (1.0, 0.9, 0.1)


@figure_style()
def write_sheet(
    path: Path, proposal: Proposal, looks: Mapping[str, Look], outline: bool, overwrite: bool
) -> None:
    """Write a PNG of up to 60 slides, evenly chosen: names, groups, pictures, outlines, doubts.

    Args:
        path: path of the file.
        proposal: the slides.
        looks: their pictures by name.
        outline: whether to outline the tissue; not where the whole slide is taken.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    seen = [slide for slide in proposal.slides if slide.name in looks]
    count = min(len(seen), MOST)
    slides = [seen[index * len(seen) // count] for index in range(count)]
    pictures = [picture(looks[s.name], tuple(s.roles.channels), _SIDE, outline) for s in slides]
    columns = min(_COLUMNS, max(1, count))
    tops, height = _rows(pictures, columns)
    width = max(620, columns * (_SIDE + _GAP) + _GAP)
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor=BACKGROUND)
    FigureCanvasAgg(figure)
    figure_text(figure, _GAP, 1.3 * _LINE, _title(proposal, count), _PLAIN)
    tissue = "outline: tissue by Otsu's threshold" if outline else "tissue: the whole slide"
    figure_text(figure, _GAP, 2.4 * _LINE, f"{tissue} · orange: in doubt · red: left out", _SOFT)
    for number, (slide, image) in enumerate(zip(slides, pictures, strict=True)):
        top, below = tops[number // columns]
        left = _GAP + (number % columns) * (_SIDE + _GAP)
        if image is not None:
            h, w = image.shape[:2]
            figure.figimage(image, left + (_SIDE - w) // 2, height - top - h, origin="upper")
        for line, (text, colour) in enumerate(_lines(slide, looks[slide.name])):
            figure_text(figure, left, below + (line + 1) * _LINE - 3, text, colour)
    with atomic_path(path, overwrite) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names may contain characters that the font lacks
        figure.savefig(temporary, format="png", facecolor=BACKGROUND, metadata={"Software": None})


def picture(look: Look, roles: Sequence[str], side: int, outline: bool = True) -> np.ndarray | None:
    """(h, w, 3) from 0 to 1: the channels of a slide in colour, with the outline of its tissue.

    Args:
        look: what was seen; None is returned if nothing was.
        roles: those that have colours of their own.
        side: longest side, px.
        outline: whether the tissue is outlined.
    """
    if not look.pictures:
        return None
    h, w = next(iter(look.pictures.values())).shape
    scale = side / max(h, w)
    h, w = max(1, round(h * scale)), max(1, round(w * scale))
    panels = [
        Panel(name, name if name in roles else None, image) for name, image in look.pictures.items()
    ]
    colours = role_colours(panels)
    greys = [grey_picture(panels[index], h, w) for index in colours]
    found = composite(greys, list(colours.values())).astype(np.float32)
    if outline and look.tissue is not None:
        mask = cv2.resize(look.tissue.astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST)
        lines, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        found = np.ascontiguousarray(found)
        cv2.drawContours(found, lines, -1, OUTLINE, 1, cv2.LINE_AA)
    return found


def _rows(pictures: Sequence[np.ndarray | None], columns: int) -> tuple[list[tuple[int, int]], int]:
    """Upper edge of each row and of its text, px, and the height of the sheet."""
    tops, y = [], 3 * _LINE
    for first in range(0, max(1, len(pictures)), columns):
        row = pictures[first : first + columns]
        highest = max((image.shape[0] for image in row if image is not None), default=_LINE)
        tops.append((y, y + highest))
        y += highest + _TEXT * _LINE + _GAP
    return tops, y + _GAP // 2


def _lines(slide: ProposedSlide, look: Look) -> list[tuple[str, tuple[float, float, float]]]:
    """What stands below a picture: name, group and pixel size, and what is in doubt."""
    troubled = slide.doubts or look.problem
    colour = _OUT if slide.left_out else _DOUBT if troubled else _PLAIN
    size = "? um/px" if slide.pixel_size_um is None else f"{slide.pixel_size_um:.3g} um/px"
    doubt = slide.left_out or look.problem or "; ".join(slide.doubts)
    wrapped = textwrap.wrap(doubt, _SIDE // 8)
    if len(wrapped) > _TEXT - 2:
        wrapped = [*wrapped[: _TEXT - 3], " ".join(wrapped[_TEXT - 3 :])]
    return [
        (shortened(slide.name, _SIDE), colour),
        (shortened(f"group {slide.group} · {size}", _SIDE), _SOFT),
        *((shortened(line, _SIDE), colour) for line in wrapped),
    ]


def _title(proposal: Proposal, shown: int) -> str:
    slides, listed = len(proposal.slides), sum(len(one.slides) for one in proposal.lists)
    groups = len({slide.group for one in proposal.lists for slide in one.slides})
    parts = [f"{slides} slides", f"{listed} listed", f"{groups} groups (by {proposal.grouping})"]
    if proposal.found.unread:
        parts.append(f"{len(proposal.found.unread)} not read")
    if shown < slides:
        parts.append(f"{shown} shown")
    return " · ".join(parts)
