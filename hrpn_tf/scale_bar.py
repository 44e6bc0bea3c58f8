"""Scale bars: the one place that draws them, to the pixel."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_EDGE = 0.25  # of the thickness: a dark edge around the bar, which is not part of its length


@dataclass(frozen=True)
class ScaleBar:
    """A bar and its label.

    Attributes:
        length_px: length in pixels of the picture, at least 1.
        label: what this length is, e.g. "50 µm".
    """

    length_px: float
    label: str


def scale_bar(longest_px: float, um_per_px: float | None) -> ScaleBar:
    """The longest bar of a round length that is not longer than ``longest_px``.

    Args:
        longest_px: pixels of the picture, > 0.
        um_per_px: um per pixel of the picture; None for a bar that is labelled in pixels.

    Example:
        >>> scale_bar(100, 0.5)
        ScaleBar(length_px=100.0, label='50 µm')
        >>> scale_bar(300, 40), scale_bar(70, None)
        (ScaleBar(length_px=250.0, label='10 mm'), ScaleBar(length_px=50.0, label='50 px'))
    """
    unit = 1.0 if um_per_px is None else um_per_px
    length = nice_length(longest_px * unit)
    if um_per_px is None:
        label = f"{length:g} px"
    else:
        label = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    return ScaleBar(length / unit, label)


def nice_length(longest: float) -> float:
    """The largest of 1, 2, 5, 10, ... that is not longer; the unit is that of the argument.

    >>> nice_length(180), nice_length(5500), nice_length(0.7)
    (100.0, 5000.0, 0.5)
    """
    power = 10.0 ** math.floor(math.log10(longest))
    return max(step * power for step in (1, 2, 5) if step * power <= longest * (1 + 1e-9))


def draw_scale_bar(
    parent: "Axes | Figure",
    bar: ScaleBar,
    right: float,
    y: float,
    thickness: float,
    size: tuple[float, float] | None = None,
    fontsize: float = 10,
) -> None:
    """Draw a bar that ends at ``right``, and its label in the middle above it.

    The bar is a filled rectangle. A line would be longer than it says, by its caps.

    Args:
        parent: axes that show an image, whose coordinates are pixels of the image; or a figure.
        bar: what to draw.
        right: x of the end of the bar, px.
        y: upper edge of the bar, px from the top.
        thickness: px, without the dark edge.
        size: (width, height) of a figure, px; None for axes.
        fontsize: of the label, points.
    """
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke
    from matplotlib.transforms import Affine2D

    # pixels of a figure are counted from its lower edge, those of an image from the upper one
    place = (
        parent.transData  # type: ignore[union-attr]
        if size is None
        else Affine2D().scale(1, -1).translate(0, size[1])
    )
    left, edge = right - bar.length_px, _EDGE * thickness
    for grown, colour in ((edge, "black"), (0.0, "white")):
        parent.add_artist(
            Rectangle(
                (left - grown, y - grown),
                bar.length_px + 2 * grown,
                thickness + 2 * grown,
                facecolor=colour,
                edgecolor="none",
                linewidth=0,
                antialiased=False,
                transform=place,
                zorder=3,
            )
        )
    parent.text(
        (left + right) / 2,
        y - 5 * edge,
        bar.label,
        transform=place,
        color="white",
        fontsize=fontsize,
        horizontalalignment="center",
        path_effects=[withStroke(linewidth=2, foreground="black")],
        zorder=4,
    )
