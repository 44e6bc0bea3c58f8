"""``--region``, ``--mask``, ``--level`` and pixel sizes, through the command."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
from support.run_folder import make_run, pixels, predict, save_network, write

from hrpn_tf.prediction.blocks import BlockMaker
from hrpn_tf.slides import open_slide, read_provenance, write_slide

NAMES = ("out.ome.tif", "out.ome.zarr")


def stated(path: Path) -> tuple[float | None, tuple[float, float] | None]:
    """Pixel size and position of a result."""
    with open_slide(path) as slide:
        return slide.info.pixel_size_um, slide.info.position_um


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("region", [(0, 0, 201, 150), (37, 61, 101, 66), (200, 149, 1, 1)])
def test_a_region_is_the_crop_of_the_whole(
    run: Path, tmp_path: Path, name: str, region: tuple[int, int, int, int]
) -> None:
    """Even off the stride multiple of 4, and at the edges: what is around it is still seen."""
    slide = write(tmp_path / "slide.ome.tif", position=(1000.0, 2000.0))
    whole, out = tmp_path / "whole.ome.tif", tmp_path / name
    assert predict(run, slide, "--out", whole, "--no-skip-empty") == 0
    option = ",".join(map(str, region))
    assert predict(run, slide, "--out", out, "--region", option, "--no-skip-empty") == 0
    x, y, width, height = region
    expected = pixels(whole)[y : y + height, x : x + width]
    np.testing.assert_allclose(pixels(out), expected, rtol=0, atol=1e-4)
    assert stated(whole) == (0.5, (1000, 2000))
    size, position = stated(out)
    assert size == pytest.approx(0.5)
    assert position == pytest.approx((1000 + y / 2, 2000 + x / 2))


def test_others_find_the_position_in_the_metadata(run: Path, tmp_path: Path) -> None:
    """In the words of the formats, for readers that are not ours."""
    for name in NAMES:
        arguments = ["--out", tmp_path / name, "--region", "40,20,100,90"]
        assert predict(run, tmp_path / "a.ome.tif", *arguments) == 0
    with tifffile.TiffFile(tmp_path / NAMES[0]) as file:
        plane = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]["Pixels"]
    assert (plane["PhysicalSizeX"], plane["PhysicalSizeXUnit"]) == (0.5, "µm")
    assert (plane["Plane"]["PositionX"], plane["Plane"]["PositionY"]) == (20.0, 10.0)
    assert plane["Plane"]["PositionXUnit"] == "µm"
    assert plane["Channel"]["Name"] == "qd"
    attributes = json.loads((tmp_path / NAMES[1] / "zarr.json").read_text())["attributes"]["ome"]
    (multiscale,) = attributes["multiscales"]
    assert [axis.get("unit") for axis in multiscale["axes"]][-2:] == ["micrometer", "micrometer"]
    steps = {step["type"]: step for step in multiscale["datasets"][0]["coordinateTransformations"]}
    assert steps["scale"]["scale"][-2:] == [0.5, 0.5]
    assert steps["translation"]["translation"][-2:] == pytest.approx([10, 20])


def outline(path: Path, *rings: list[tuple[float, float]]) -> Path:
    polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]] for ring in rings]}
    feature = {"type": "Feature", "geometry": polygon, "properties": {"objectType": "annotation"}}
    path.write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]}), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("name", NAMES)
def test_outside_a_mask_is_nothing_and_inside_all_is_as_ever(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    ring = [(10.5, 5.0), (90.0, 30.0), (60.0, 70.0), (5.0, 60.0)]
    hole = [(30.0, 30.0), (50.0, 30.0), (50.0, 50.0), (30.0, 50.0)]
    mask = outline(tmp_path / "tumour.geojson", ring, hole)
    slide, whole, out = tmp_path / "a.ome.tif", tmp_path / "whole.ome.tif", tmp_path / name
    assert predict(run, slide, "--out", whole, "--no-skip-empty") == 0
    computed, real = [], BlockMaker._read

    def read(self: BlockMaker, tile: object) -> object:
        computed.append(tile)
        return real(self, tile)  # type: ignore[arg-type]

    monkeypatch.setattr(BlockMaker, "_read", read)
    assert predict(run, slide, "--out", out, "--mask", mask, "--no-skip-empty") == 0
    # 3 x 4 blocks of 52 px; the outline lies on two by two of them
    assert len(computed) == 4
    rows, columns = np.mgrid[:150, :201] + 0.5
    inside = shapely.contains_xy(shapely.Polygon(ring, [hole]), columns, rows)
    got, expected = pixels(out), pixels(whole)
    assert (got[~inside] == 0).all()
    np.testing.assert_allclose(got[inside], expected[inside], rtol=0, atol=1e-4)
    assert np.abs(expected[~inside]).min() > 0
    origin = read_provenance(out)["mask"]
    assert origin["file"] == "tumour.geojson"
    assert len(origin["sha256"]) == 64


def test_a_mask_within_a_region(run: Path, tmp_path: Path) -> None:
    mask = outline(tmp_path / "m.geojson", [(50.0, 40.0), (90.0, 40.0), (90.0, 80.0), (50.0, 80.0)])
    slide, whole, out = (tmp_path / name for name in ("a.ome.tif", "whole.ome.tif", "o.ome.tif"))
    assert predict(run, slide, "--out", whole, "--no-skip-empty") == 0
    options = ["--region", "60,30,70,70", "--mask", mask, "--no-skip-empty"]
    assert predict(run, slide, "--out", out, *options) == 0
    expected = np.zeros((150, 201), np.float32)
    expected[40:80, 50:90] = pixels(whole)[40:80, 50:90]
    np.testing.assert_allclose(pixels(out), expected[30:100, 60:130], rtol=0, atol=1e-4)


def test_a_finer_slide_is_resampled_and_lies_where_it_lay(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Means of 2 x 2 px, made by hand, give the same; regions and masks are of the fine slide."""
    fine = np.random.default_rng(0).integers(0, 256, (240, 320, 2), np.uint8)
    means = fine.reshape(120, 2, 160, 2, 2).mean(axis=(1, 3), dtype=np.float32)
    names = ("vessels", "nuclei")
    for name, image, size in (("fine", fine, 0.25), ("coarse", means, 0.5)):
        path = tmp_path / f"{name}.ome.tif"
        write_slide(
            path, image, channels=names, pixel_size_um=size, position_um=(30, 40), provenance={}
        )
        assert predict(run, path, "--out", tmp_path / f"q{name}.ome.tif", "--no-skip-empty") == 0
    said = capsys.readouterr().err
    assert "fine.ome.tif: level 0 is read resampled by 0.5, to 0.5 um/px" in said
    expected = pixels(tmp_path / "qcoarse.ome.tif")
    np.testing.assert_allclose(pixels(tmp_path / "qfine.ome.tif"), expected, rtol=0, atol=1e-3)
    assert stated(tmp_path / "qfine.ome.tif") == (0.5, (30, 40))
    mask = outline(tmp_path / "m.geojson", [(80.0, 60.0), (120.0, 60.0), (120.0, 90.0), (80.0, 90)])
    out = tmp_path / "part.ome.tif"
    options = ["--region", "61,41,100,102", "--mask", mask, "--no-skip-empty"]
    assert predict(run, tmp_path / "fine.ome.tif", "--out", out, *options) == 0
    inside = np.zeros((120, 160), bool)
    inside[30:45, 40:60] = True
    part = np.where(inside, expected, 0)[20:72, 30:81]
    np.testing.assert_allclose(pixels(out), part, rtol=0, atol=1e-3)
    assert stated(out) == (0.5, (30 + 20 * 0.5, 40 + 30 * 0.5))


def test_a_level_of_a_pyramid_is_read(run: Path, tmp_path: Path) -> None:
    """The nearest one by itself; another by ``--level``, whose result is resampled to the same."""
    image = np.random.default_rng(0).integers(0, 256, (1100, 300, 2), np.uint8)
    path = tmp_path / "pyramid.ome.tif"
    write_slide(path, image, channels=("vessels", "nuclei"), pixel_size_um=0.25, provenance={})
    with open_slide(path) as slide:
        level = slide.read(0, 0, 550, 150, [0, 1], level=1)
    write_slide(
        tmp_path / "half.ome.tif", level, channels=("vessels", "nuclei"), pixel_size_um=0.5,
        provenance={},
    )  # fmt: skip
    results = {}
    for name, source, options in (
        ("near", path, []),
        ("half", tmp_path / "half.ome.tif", []),
        ("zero", path, ["--level", 0]),
    ):
        out = tmp_path / f"{name}-qd.ome.tif"
        assert predict(run, source, "--out", out, "--no-skip-empty", *options) == 0
        results[name] = pixels(out)
        assert stated(out)[0] == 0.5
    np.testing.assert_allclose(results["near"], results["half"], rtol=0, atol=1e-4)
    assert read_provenance(tmp_path / "near-qd.ome.tif")["input"]["level"] == 1
    assert read_provenance(tmp_path / "zero-qd.ome.tif")["input"]["level"] == 0
    # stored levels are rounded to whole grey levels, the mean of the full one is not
    assert 0 < np.abs(results["zero"] - results["half"]).max() < 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 97), (89, 1), (101, 103)])
def test_slides_of_awkward_sizes(run: Path, tmp_path: Path, shape: tuple[int, int]) -> None:
    slide, out = write(tmp_path / "odd.ome.tif", shape=shape), tmp_path / "out.ome.zarr"
    assert predict(run, slide, "--out", out) == 0
    assert pixels(out).shape == shape
    assert np.isfinite(pixels(out)).all()


def test_three_inputs(tmp_path: Path) -> None:
    from hrpn_export import Contract

    save_network(tmp_path / "best.keras", inputs=3)
    roles = ("vessels", "nuclei", "fap")
    contract = Contract(roles, ("qd",), 0.5, 4, 41, True, 255.0)
    settings = ("prediction.tile=64", "data.inputs=[vessels, nuclei, fap]")
    run = make_run(tmp_path / "run", tmp_path / "best.keras", contract, overrides=settings)
    slide = write(tmp_path / "slide.ome.tif", channels=("DAPI", "CD31", "FAP", "SpOrange"))
    given = ["--channel", "vessels=CD31", "--channel", "nuclei=DAPI", "--channel", "fap=FAP"]
    out = tmp_path / "out.ome.tif"
    assert predict(run, slide, "--out", out, *given) == 0
    channels = read_provenance(out)["input"]["channels"]
    assert channels == {"vessels": "CD31", "nuclei": "DAPI", "fap": "FAP"}
    assert predict(run, slide, "--out", tmp_path / "x.ome.tif", *given[:4]) == 0, "by its name"
