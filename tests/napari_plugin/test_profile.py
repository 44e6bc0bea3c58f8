"""The profile of a drawn region, against one that is computed by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from hrpn_tf.errors import PixelSizeError, RegionError, SlideMismatchError, VesselsError
from hrpn_tf.napari_plugin.layers import KEY, Shown, slide_layers
from hrpn_tf.napari_plugin.profile import ProfileWish, measure, save, table_of
from hrpn_tf.slides import write_slide
from hrpn_tf.text import read_csv

SIDE, SIZE = 400, 0.5
SQUARE = np.array([[60.0, 60.0], [60.0, 160.0], [140.0, 160.0], [140.0, 60.0]])  # um


def vessels_image() -> np.ndarray:
    """Round vessels on a grid, in a noisy background."""
    random = np.random.default_rng(0)
    image = random.integers(4, 9, (SIDE, SIDE)).astype(np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    for top in range(40, SIDE, 80):
        for left in range(40, SIDE, 80):
            image[(y - top) ** 2 + (x - left) ** 2 <= 10**2] = 200
    return image


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shown]:
    """The vessels; a prediction of a part of the slide; and the same in pixels twice as large."""
    folder = tmp_path_factory.mktemp("profile")
    image = vessels_image()
    distance = distance_transform_edt(image < 100) * SIZE
    qd = (100 * np.exp(-distance / 12)).astype(np.float32)
    write_slide(folder / "s.ome.tif", np.stack([image, image], -1), channels=("CD31", "other"),
                pixel_size_um=SIZE, provenance={})  # fmt: skip
    write_slide(folder / "part.ome.tif", qd[80:360, 100:360, None], channels=("qd",),
                pixel_size_um=SIZE, provenance={"kind": "prediction"},
                position_um=(80 * SIZE, 100 * SIZE))  # fmt: skip
    coarse = qd.reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3))
    write_slide(folder / "coarse.ome.tif", coarse[..., None], channels=("qd",),
                pixel_size_um=2 * SIZE, provenance={"kind": "prediction"})  # fmt: skip
    shown = {name: slide_layers(folder / f"{name}.ome.tif")[0][1]["metadata"][KEY]
             for name in ("s", "part", "coarse")}  # fmt: skip
    return shown


def wish(slides: dict[str, Shown], name: str = "part", **changes: object) -> ProfileWish:
    values = {"image": slides[name], "vessels": slides["s"], "shapes": [SQUARE]}
    return ProfileWish(**{**values, "kinds": ["rectangle"], **changes})  # type: ignore[arg-type]


def test_means_by_distance_are_those_of_the_pixels_inside(slides: dict[str, Shown]) -> None:
    drawn = measure(wish(slides))
    image = vessels_image()
    distance = distance_transform_edt(image < 100) * SIZE
    # 60 to 140 um down and 60 to 160 across: rows 120 to 280, columns 120 to 320
    inside = distance[120:280, 120:320]
    qd = 100 * np.exp(-inside / 12)
    table = table_of(drawn)
    assert drawn.found.pixels == inside.size == table["pixels"].sum()
    for start, end, pixels, mean in zip(
        table["from_um"], table["to_um"], table["pixels"], table["mean"], strict=True
    ):
        bin_ = (inside == 0) if end == 0 else (inside > start) & (inside <= end)
        assert pixels == bin_.sum()
        assert mean == pytest.approx(qd[bin_].mean(), rel=1e-4)
    depth = drawn.found.analysis.profile.pred.metrics["depth_1_e"]["value"]
    assert depth == pytest.approx(12, rel=0.15)


def test_vessels_lie_where_they_are_shown(slides: dict[str, Shown]) -> None:
    drawn = measure(wish(slides))
    assert drawn.found.vessels is not None
    top, left = (round(corner / SIZE) for corner in drawn.corner_um)
    height, width = drawn.found.vessels.shape
    same = (vessels_image() > 100)[top : top + height, left : left + width]
    assert np.array_equal(drawn.found.vessels > 0, same)


def test_larger_pixels_of_the_prediction_give_nearly_the_same(slides: dict[str, Shown]) -> None:
    fine, coarse = (measure(wish(slides, name)) for name in ("part", "coarse"))
    assert coarse.found.pixels * 4 == fine.found.pixels
    ends = [
        each.found.analysis.profile.pred.metrics["depth_1_e"]["value"] for each in (fine, coarse)
    ]
    assert ends[1] == pytest.approx(ends[0], rel=0.1)


def test_pixels_that_the_prediction_lacks_do_not_count(slides: dict[str, Shown]) -> None:
    whole = np.array([[0.0, 0.0], [0.0, 200.0], [200.0, 200.0], [200.0, 0.0]])
    assert measure(wish(slides, shapes=[whole])).found.pixels == 280 * 260


def test_a_second_image_is_measured_beside_it(slides: dict[str, Shown], tmp_path: Path) -> None:
    drawn = measure(wish(slides, measured=replace(slides["s"], channel=1, name="=other")))
    save(drawn, tmp_path / "p.csv")
    head, *rows = read_csv((tmp_path / "p.csv").read_text(encoding="utf-8"))
    column = {name: [row[i] for row in rows] for i, name in enumerate(head)}
    assert column["compared_with"][0] == "=other"
    assert float(column["compared_mean"][0]) == 200
    assert float(column["mean"][0]) == pytest.approx(100)


def test_what_cannot_be_measured_is_named(slides: dict[str, Shown]) -> None:
    with pytest.raises(RegionError, match="0 pixels of the image lie in it"):
        measure(wish(slides, shapes=[SQUARE * 0.1]))
    with pytest.raises(VesselsError, match="no vessel"):
        measure(wish(slides, threshold=250.0))
    with pytest.raises(PixelSizeError, match="states no pixel size"):
        measure(wish(slides, image=replace(slides["part"], pixel_size_um=None)))
    part = slides["part"]
    off = replace(part, info=replace(part.info, position_um=(40.2, 50.0)))
    with pytest.raises(SlideMismatchError, match="does not lie on the pixels"):
        measure(wish(slides, image=off))
