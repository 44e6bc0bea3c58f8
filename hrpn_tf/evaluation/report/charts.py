"""Figures ready for a paper: PNG and SVG on white, the numbers as CSV, and an SVG for the page."""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.figures import figure_style, new_figure
from hrpn_tf.text import csv_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Ink of text and axes. In the page it becomes the colour of the text around, light or dark.
INK = "#17181a"
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "#8a8f98",
    "grid.alpha": 0.25,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}


@dataclass(frozen=True)
class Chart:
    """A figure that was written.

    Attributes:
        name: of its files, without suffix.
        title: heading.
        caption: one or two sentences: what is seen, and how it was computed.
        svg: for the page.
    """

    name: str
    title: str
    caption: str
    svg: str


@contextmanager
def drawing(width: float, height: float) -> Iterator[tuple["Figure", "Axes"]]:
    """A figure of one panel, inches, in the report's style."""
    with figure_style(_STYLE):
        figure = new_figure(width, height, dpi=200)
        yield figure, figure.subplots()


def save(
    figure: "Figure",
    folder: Path,
    name: str,
    *,
    title: str,
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> Chart:
    """Write ``name.png``, ``name.svg`` and ``name.csv``; to be called within :func:`drawing`.

    Args:
        figure: drawn.
        folder: made if it is not there.
        name: of the files.
        title, caption: see :class:`Chart`.
        header, rows: of the CSV file, the numbers that are drawn.
    """
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", facecolor="white")
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    (folder / f"{name}.csv").write_text(csv_text(header, rows), encoding="utf-8")
    return Chart(name, title, caption, inline(svg, name))


def inline(svg: str, name: str) -> str:
    """An SVG file as an element of a page.

    Its names are made unique within the page, its ink takes the colour of the page's text, and it
    scales with the column.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\sid="|href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(INK, "currentColor")
    return re.sub(r'(<svg[^>]*?) width="[^"]*"| height="[^"]*pt"', r"\1", svg, count=2)
