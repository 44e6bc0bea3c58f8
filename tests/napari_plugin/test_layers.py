"""Slides as layers: lazy pixels, place, colours, ranges. No window is needed for it."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.slides import noise
from support.slides import write_slide as write_foreign

from hrpn_tf.errors import DepthError, SlideFormatError
from hrpn_tf.napari_plugin import layers
from hrpn_tf.napari_plugin.layers import KEY, slide_layers
from hrpn_tf.napari_plugin.reader import get_reader
from hrpn_tf.slides import open_slide, write_slide
from hrpn_tf.slides.display import LOWER, PREDICTION

ORIGIN = {"kind": "prediction"}


def test_a_layer_lies_where_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "01.ome.tif"
    image = noise(0, 90, 120)
    write_slide(path, image, channels=("CD31", "DAPI", "x"), pixel_size_um=0.5,
                provenance={}, position_um=(100.0, 30.0))  # fmt: skip
    (data, options, kind), nuclei, _ = slide_layers(path)
    assert (kind, options["name"]) == ("image", "CD31 [01]")
    # napari counts from the centre of the first pixel, and the file from its outer corner
    assert options["translate"] == (100.25, 30.25)
    assert (options["scale"], options["units"]) == ((0.5, 0.5), ("um", "um"))
    assert options["colormap"]["name"] == "#00E64D"
    assert nuclei[1]["colormap"]["colors"][1] == [64 / 255, 96 / 255, 1.0, 1.0]
    level = data[0] if options["multiscale"] else data
    assert np.array_equal(np.asarray(level), image[..., 0])


def test_without_a_pixel_size_a_pixel_is_a_pixel(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "a.ome.tif", noise(0, 64, 64), pixel_size_um=None)
    options = slide_layers(path)[0][1]
    assert (options["scale"], options["units"]) == ((1.0, 1.0), ("pixel", "pixel"))


def test_of_a_stack_what_is_chosen_is_shown_and_said(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    stack = np.random.default_rng(0).integers(0, 99, (3, 20, 30), np.uint8)
    tifffile.imwrite(path, stack, metadata={"axes": "ZYX"}, photometric="minisblack")
    with pytest.raises(DepthError, match=r"a\.ome\.tif: holds 3 planes .* Open… of the dock"):
        get_reader(str(path))(str(path))  # type: ignore[misc]
    [(data, options, _)] = slide_layers(path, 2)
    assert np.array_equal(np.asarray(data), stack[1])
    assert options["name"].endswith("[a, z 2]")


def test_levels_that_the_file_lacks_are_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layers, "_OVERVIEW", 64)
    monkeypatch.setattr(layers, "_BLOCK", 32)
    image = noise(1, 800, 600, channels=1)
    path = write_foreign(tmp_path / "a.ome.tif", image, channels=("CD31",))
    levels, options, _ = slide_layers(path)[0]
    assert options["multiscale"]
    assert [level.shape for level in levels] == [(800, 600), (200, 150), (50, 38)]
    mean = image[..., 0].reshape(200, 4, 150, 4).mean(axis=(1, 3))
    assert np.abs(np.asarray(levels[1]).astype(float) - mean).max() <= 0.51
    # a window is a part of the whole, wherever its blocks begin
    assert np.array_equal(np.asarray(levels[1][30:77, 5:140]), np.asarray(levels[1])[30:77, 5:140])
    assert int(levels[1][11, 12]) == int(np.asarray(levels[1])[11, 12])


def test_only_what_is_looked_at_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_foreign(tmp_path / "a.ome.tif", noise(1, 256, 256))
    level = slide_layers(path)[0][0]
    read: list[tuple[int, ...]] = []
    plain = layers._Levels.read
    monkeypatch.setattr(
        layers._Levels, "read", lambda self, *place: read.append(place[2:]) or plain(self, *place)
    )
    np.asarray(level[100:110, 20:25])
    assert read == [(100, 20, 10, 5)]


def test_bounds_have_the_range_of_the_prediction_and_are_hidden(tmp_path: Path) -> None:
    path = tmp_path / "p.ome.tif"
    image = np.random.default_rng(0).normal(50, 9, (80, 80, 3)).astype(np.float32)
    image[..., 2] += 500
    names = ("qd", "qd_lower", "qd_upper")
    write_slide(path, image, channels=names, pixel_size_um=0.5, provenance=ORIGIN)
    found = [options for _, options, _ in slide_layers(path)]
    assert [each["visible"] for each in found] == [True, False, False]
    assert len({each["contrast_limits"] for each in found}) == 1
    assert found[0]["contrast_limits"] == pytest.approx(np.percentile(image[..., 0], (1, 99.8)))
    assert [each["colormap"]["name"] for each in found[:2]] == [f"#{PREDICTION}", f"#{LOWER}"]
    assert found[0]["name"] == "qd (predicted) [p]"
    assert found[0]["metadata"][KEY].predicted


def test_a_file_with_inputs_is_shown_as_it_states(tmp_path: Path) -> None:
    path, names = tmp_path / "both.ome.tif", ("vessels", "qd (predicted)", "qd_lower (predicted)")
    display = {name: {"colour": "AA0000", "range": [3, 77]} for name in names}
    write_slide(path, noise(0, 64, 64), channels=names, pixel_size_um=0.5,
                provenance={**ORIGIN, "display": display})  # fmt: skip
    found = [options for _, options, _ in slide_layers(path)]
    assert {each["contrast_limits"] for each in found} == {(3.0, 77.0)}
    assert {each["colormap"]["name"] for each in found} == {"#AA0000"}
    assert [each["visible"] for each in found] == [True, True, False]
    assert not found[0]["metadata"][KEY].predicted


@pytest.mark.parametrize(
    "display",
    [None, [], {"vessels": 1}, {"vessels": {"colour": "zz0000", "range": [0, 1]}},
     {"vessels": {"colour": "AA0000", "range": [5, 5]}},
     {"vessels": {"colour": "AA0000", "range": ["a"]}}],
)  # fmt: skip
def test_a_damaged_statement_is_passed_over(tmp_path: Path, display: object) -> None:
    path = tmp_path / "both.ome.tif"
    write_slide(path, noise(0, 64, 64, channels=1), channels=("vessels",), pixel_size_um=0.5,
                provenance={"display": display})  # fmt: skip
    [(_, options, _)] = slide_layers(path)
    assert options["colormap"]["name"] == "#00E64D"


def test_the_reader_says_what_is_wrong_when_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + bytes(9))
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(SlideFormatError, match=r"a\.tif"):
        reader(str(path))
    assert get_reader([str(path), str(path)]) is None


def test_the_slide_stays_open_for_its_layers(tmp_path: Path) -> None:
    path = write_foreign(tmp_path / "a.ome.tif", noise(3, 64, 64))
    reader = get_reader(str(path))
    assert reader is not None
    level = reader(str(path))[1][0]
    with open_slide(path) as slide:
        assert np.array_equal(np.asarray(level), slide.read(0, 0, 64, 64, [1])[..., 0])
