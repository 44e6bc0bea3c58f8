"""The picture of the calibration curve."""

from pathlib import Path

from hrpn_tf.evaluation.intervals.curve import CalibrationCurve, draw_curve


def test_the_same_curve_is_the_same_file(tmp_path: Path) -> None:
    curve = CalibrationCurve((0.5, 0.9), (0.52, 0.88), (0.4, 0.8), (0.6, 0.95))
    paths = [tmp_path / f"{name}.{kind}" for kind in ("svg", "png") for name in ("a", "b")]
    for path in paths:
        draw_curve(curve, 0.9, [path])
    one, again, picture, picture_again = (path.read_bytes() for path in paths)
    assert one == again
    assert picture == picture_again
    assert b"<dc:date>" not in one
