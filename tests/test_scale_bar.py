"""Scale bars of every picture, measured in pixels."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from support.array_plane import ArrayPlane

from hrpn_tf.evaluation.metric_values import Metrics
from hrpn_tf.evaluation.metrics import METRICS
from hrpn_tf.evaluation.slide_picture import SlidePicture, draw
from hrpn_tf.scale_bar import scale_bar
from hrpn_tf.slides import write_slide
from hrpn_tf.workflows.inspect.slide import inspect_slide


def longest_run(row: np.ndarray) -> tuple[int, int]:
    """Start and length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(np.int8), [0]])))
    lengths = edges[1::2] - edges[::2]
    if not lengths.size:
        return 0, 0
    return int(edges[::2][lengths.argmax()]), int(lengths.max())


def bar_and_picture(picture: np.ndarray, ground: tuple[int, int, int]) -> tuple[int, int]:
    """Length of the longest white line on a panel of one colour, and the panel's width, px."""
    dark = (picture == ground).all(axis=-1)
    rows = dark.sum(axis=1)
    left, width = longest_run(dark[rows.argmax()])
    inside = np.flatnonzero(rows > width // 2)
    panel = picture[inside.min() : inside.max() + 1, left : left + width]
    white = (panel == 255).all(axis=-1)
    return max(longest_run(row)[1] for row in white), width


def test_the_bar_of_an_evaluation_picture_is_as_long_as_it_says(tmp_path: Path) -> None:
    height, width, um = 150, 200, 0.5
    nothing = ArrayPlane(np.zeros((height, width)))
    known = {"min": 0.0, "max": 1.0}
    metrics = Metrics(dict.fromkeys(METRICS), {}, height * width, 0, known, known)
    picture = SlidePicture("a", {}, "qd", nothing, nothing, metrics, um)
    draw(picture, tmp_path / "a.png")
    drawn = cv2.imread(str(tmp_path / "a.png"))
    bar, panel = bar_and_picture(drawn, (3, 0, 0))  # the darkest colour of inferno, BGR
    expected = scale_bar(width / 5, um).length_px / width * panel
    assert expected > 40
    assert abs(bar - expected) <= 1


@pytest.mark.parametrize(("shape", "um"), [((500, 1000), 0.5), ((90, 70), 12.0)])
def test_the_bar_of_a_thumbnail_is_as_long_as_it_says(
    tmp_path: Path, shape: tuple[int, int], um: float
) -> None:
    pixels = np.zeros((*shape, 1), np.uint8)
    write_slide(tmp_path / "a.tif", pixels, channels="a", pixel_size_um=um, provenance={})
    inspect_slide(tmp_path / "a.tif", tmp_path / "a.png")
    bar, panel = bar_and_picture(cv2.imread(str(tmp_path / "a.png")), (0, 0, 0))
    um_per_px = um * shape[1] / panel
    assert bar == round(scale_bar(panel / 4, um_per_px).length_px)


def test_lengths_and_labels_are_round() -> None:
    assert scale_bar(199, 0.325).label == "50 µm"
    assert scale_bar(199, 0.325).length_px == pytest.approx(50 / 0.325)
    assert scale_bar(500, 40).label == "20 mm"
    assert scale_bar(99, None).label == "50 px"
