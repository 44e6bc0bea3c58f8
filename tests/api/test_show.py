"""HTML of results: escaped, with pictures, and never too long."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from hrpn_tf.api import EvaluationResult, IntervalArrays, PredictionResult
from hrpn_tf.api.arguments import overrides_of
from hrpn_tf.api.show import file_html, overview, plane_html, table_html
from hrpn_tf.config import load_config
from hrpn_tf.slides import open_slide, write_slide

HOSTILE = '<script>alert("1")</script>\'&'


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_names_are_shown_and_not_run(tmp_path: Path) -> None:
    row = {"slide": HOSTILE, "view": "float", "region": "whole", HOSTILE: 1.0}
    results = [
        EvaluationResult(tmp_path / HOSTILE.replace("/", ""), {"mse": 1.0}, (row,), (), 1.0),
        PredictionResult((Path(HOSTILE),), 1.0),
    ]
    for result in results:
        page = Tags(result._repr_html_())
        assert "script" not in page.tags
        assert "alert(" in page.text
    page = Tags(plane_html(HOSTILE, np.zeros((8, 8))))
    assert page.tags == {"figure", "img", "figcaption"}


def test_a_long_table_is_cut() -> None:
    html = table_html([{"number": number} for number in range(100)])
    assert "70 more rows" in html
    assert html.count("<tr>") == 31


def test_a_picture_that_is_gone_or_huge_is_left_out(tmp_path: Path) -> None:
    assert file_html(tmp_path / "none.png") == ""
    (tmp_path / "huge.png").write_bytes(b"0" * 3_000_000)
    assert file_html(tmp_path / "huge.png") == ""


@pytest.mark.parametrize("shape", [(1, 1), (5, 3000), (900, 900)])
def test_a_plane_of_any_size_is_a_small_picture(shape: tuple[int, int]) -> None:
    html = plane_html("plane", np.random.default_rng(0).normal(size=shape).astype(np.float32))
    assert "data:image/png;base64," in html
    assert len(html) < 300_000


def test_constant_arrays_show_themselves() -> None:
    plane = np.zeros((16, 16), np.float32)
    assert "IntervalArrays" in IntervalArrays(plane, plane, plane, 0.9)._repr_html_()


def test_an_overview_reads_a_coarse_level(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1500, 1100, 1), np.uint8)
    write_slide(tmp_path / "s.ome.tif", image, channels=["qd"], pixel_size_um=1.0, provenance={})
    with open_slide(tmp_path / "s.ome.tif") as slide:
        shape = overview(slide, [0]).shape
    assert 190 < shape[0] <= 384
    assert shape[2] == 1


def test_settings_become_overrides_that_the_configuration_reads() -> None:
    settings = {
        "prediction": {"tile": 512, "max_ram": None},
        "training.learning_rate": 1e-5,
        "data.split": {"test": ["a, b", "c: d"]},
    }
    texts = [text for text in overrides_of(settings) if "learning_rate" not in text]
    config = load_config(overrides=texts)
    assert config == load_config({key: settings[key] for key in ("prediction", "data.split")})
    assert config.data.split.test == ("a, b", "c: d")
    assert overrides_of({}) == overrides_of(None) == ()
