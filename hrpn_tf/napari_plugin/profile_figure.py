"""The figure of a profile, in the colours of napari's window."""

from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.evaluation.spatial.ends import ends_in_words
from hrpn_tf.napari_plugin.profile import DrawnProfile
from hrpn_tf.slides.display import PREDICTION
from hrpn_tf.text import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from hrpn_tf.evaluation.spatial.profile import DistanceProfile, ProfileCurve

_BACKGROUND, _TEXT, _GRID = "#262930", "#f0f1f2", "#414851"
_COMPARED = "#00c8ff"
_DEPTH = "depth_1_e"


def draw_profile(figure: "Figure", drawn: DrawnProfile | None) -> None:
    """Draw mean intensity by distance, with the band of its interval; None draws empty axes."""
    figure.clear()
    figure.set_facecolor(_BACKGROUND)
    axes = figure.add_subplot()
    axes.set_facecolor(_BACKGROUND)
    axes.tick_params(colors=_TEXT, labelsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GRID)
    axes.grid(color=_GRID, linewidth=0.5)
    axes.set_xlabel("distance to the nearest vessel (µm)", color=_TEXT, fontsize=9)
    axes.set_ylabel("mean intensity", color=_TEXT, fontsize=9)
    if drawn is None:
        axes.set(xlim=(0, 100), ylim=(0, 1), yticks=[])
        return
    profile, wish = drawn.found.analysis.profile, drawn.wish
    _curve(axes, profile, profile.pred, f"#{PREDICTION}", wish.image.name)
    if wish.measured is not None:
        _curve(axes, profile, profile.true, _COMPARED, wish.measured.name)
    axes.set_xlim(left=0)
    axes.legend(fontsize=8, facecolor=_BACKGROUND, edgecolor=_GRID, labelcolor=_TEXT)


def in_words(drawn: DrawnProfile) -> str:
    """The area, the threshold and the penetration depth, in a few lines."""
    found = drawn.found
    profile, area = found.analysis.profile, found.pixels * drawn.pixel_size_um**2 / 1e6
    lines = [
        f"{area:.3g} mm², {len(found.analysis.measures.slide.vessels)} vessels in and around it "
        f"(above {found.threshold:.4g} grey levels)",
        f"{printable(drawn.wish.image.name)}: {_depth(profile.pred)}",
    ]
    if drawn.wish.measured is not None:
        lines.append(f"{printable(drawn.wish.measured.name)}: {_depth(profile.true)}")
    return "\n".join(lines)


def _depth(curve: "ProfileCurve") -> str:
    depth = curve.metrics[_DEPTH]
    if depth["value"] is None:
        return f"no penetration depth ({depth['unresolved']})"
    ends = ends_in_words(depth, lambda end: f"{end:.3g}")
    spread = "" if ends is None else f" (95 % interval {ends})"
    return f"excess falls to 1/e in {depth['value']:.3g} µm{spread}"


def _curve(
    axes: "Axes", profile: "DistanceProfile", curve: "ProfileCurve", colour: str, name: str
) -> None:
    closed = (profile.upper_um > 0) & np.isfinite(profile.upper_um)
    x = profile.distance_um[closed]
    axes.plot(x, curve.mean[closed], color=colour, linewidth=1.6, label=printable(name, 40))
    if curve.low is not None and curve.high is not None:
        band = (curve.low[closed], curve.high[closed])
        axes.fill_between(x, *band, color=colour, alpha=0.25, linewidth=0)
