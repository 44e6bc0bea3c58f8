"""Figures: three files each, and an element of the page that stays in its place."""

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from hrpn_tf.evaluation.density import Density, shared_edges
from hrpn_tf.evaluation.report.charts import Chart, drawing, save
from hrpn_tf.evaluation.report.figures import draw_density

HOSTILE = "</svg><script>alert(1)</script>$\\frac{\"'&"


def chart(folder: Path, name: str, label: str = "x") -> Chart:
    with drawing(3, 2) as (figure, axes):
        axes.plot([0, 1], [0, 1])
        axes.set_xlabel(label, parse_math=False)
        return save(
            figure, folder, name, title="t", caption="c", header=("a", "b"), rows=[(1, 2.5)]
        )


def ids(svg: str) -> set[str]:
    return {element.get("id", "") for element in ET.fromstring(svg).iter()} - {""}


def test_a_figure_is_written_three_times_with_its_numbers(tmp_path: Path) -> None:
    chart(tmp_path, "one")
    assert {path.name for path in tmp_path.iterdir()} == {"one.png", "one.svg", "one.csv"}
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    ET.parse(tmp_path / "one.svg")
    with (tmp_path / "one.csv").open() as file:
        assert list(csv.reader(file)) == [["a", "b"], ["1", "2.5"]]


def test_two_figures_of_a_page_share_no_names(tmp_path: Path) -> None:
    one, two = chart(tmp_path, "one"), chart(tmp_path, "two")
    assert ids(one.svg)
    assert not ids(one.svg) & ids(two.svg)


def test_ink_is_that_of_the_page_and_width_that_of_the_column(tmp_path: Path) -> None:
    svg = chart(tmp_path, "one").svg
    assert "currentColor" in svg
    root = ET.fromstring(svg)
    assert root.get("width") is None
    assert root.get("height") is None
    assert root.get("viewBox")


def test_labels_from_files_stay_text(tmp_path: Path) -> None:
    svg = chart(tmp_path, "one", HOSTILE).svg
    assert "<script" not in svg
    assert HOSTILE in "".join(ET.fromstring(svg).itertext())


def test_the_density_is_drawn_of_a_constant_target(tmp_path: Path) -> None:
    density = Density(shared_edges(4, 4, True))
    density.add(np.full(100, 4, np.uint8), np.full(100, 4, np.uint8))
    draw_density(density, "qd", tmp_path)
    with (tmp_path / "density.csv").open() as file:
        assert list(csv.reader(file))[1:] == [["4.0", "4.0", "100"]]
