"""Figures that look the same on every machine: their style, colours and files."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers tell apart; markers and lines differ as well.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
GREY = "0.45"

# Small type, for a column of a paper.
PAPER: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a name may hold dollar signs
}


@contextmanager
def figure_style(changes: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw and save in Matplotlib's own style, whatever the ``matplotlibrc`` of the user says.

    Also a decorator. The same figure gives the same bytes.

    Args:
        changes: settings of Matplotlib that differ from its own, e.g. :data:`PAPER`.

    Example:
        >>> import matplotlib
        >>> with figure_style(PAPER):
        ...     matplotlib.rcParams["font.size"]
        8.0
    """
    from matplotlib import style

    with style.context(["default", {"svg.hashsalt": "hrpn-tf", **(changes or {})}]):
        yield


def new_figure(width: float, height: float, dpi: float = 150) -> "Figure":
    """An empty figure, inches, that needs no display; to be called within :func:`figure_style`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=dpi)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: "Figure", *paths: Path) -> None:
    """Write a figure in the formats of the suffixes, undated; within :func:`figure_style`."""
    for path in paths:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
