"""Figures look the same whatever the user has set."""

from pathlib import Path

import matplotlib
import pytest

from hrpn_tf.evaluation.intervals.curve import CalibrationCurve, draw_curve
from hrpn_tf.figures import PAPER, figure_style, new_figure, save_figure


def test_settings_of_the_user_do_not_count(tmp_path: Path) -> None:
    curve = CalibrationCurve((0.5, 0.9), (0.52, 0.88), (0.4, 0.8), (0.6, 0.95))
    plain, other = ([tmp_path / f"{name}.{kind}" for kind in ("png", "svg")] for name in "ab")
    draw_curve(curve, 0.9, plain)
    own = {"figure.facecolor": "black", "font.size": 20, "lines.linewidth": 9, "savefig.dpi": 30}
    with matplotlib.rc_context(own):
        draw_curve(curve, 0.9, other)
    assert [path.read_bytes() for path in plain] == [path.read_bytes() for path in other]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_dollar_is_a_dollar(tmp_path: Path, kind: str) -> None:
    with figure_style(PAPER):
        figure = new_figure(2, 2)
        figure.subplots().set_title(r"5 $ and \frac$")
        save_figure(figure, tmp_path / f"a.{kind}")
    assert (tmp_path / f"a.{kind}").stat().st_size > 500
    assert matplotlib.rcParams["text.parse_math"] is True
