"""``hrpn-tf analyse --spatialdata``, read back by the package of that name."""

import csv
import sys

import numpy as np
import pytest
from support.command import hrpn_tf
from support.predicted_cohort import SHAPE, Cohort, image

PIXEL = 0.5  # um


def analyse(cohort: Cohort, *arguments: object) -> object:
    out = cohort.folder / "analysis"
    source = [cohort.predictions, "--slides", cohort.slides, "--out", out, "--quiet"]
    return hrpn_tf("analyse", *source, "--spatialdata", "--no-overlays", *arguments)


def test_a_missing_extra_is_one_line_that_says_what_to_type(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "spatialdata", None)
    ended = analyse(cohort)
    assert ended.exit_code == 2
    (line,) = ended.err.strip().splitlines()
    assert "--spatialdata: spatialdata is not installed" in line
    assert line.endswith("type: pip install 'hrpn-tf[spatialdata]'")
    assert not (cohort.folder / "analysis").exists()


@pytest.mark.usefixtures("no_pictures")
def test_spatialdata_reads_images_objects_and_tables(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    spatialdata = pytest.importorskip(
        "spatialdata", reason="not part of the development environment: make spatialdata"
    )
    # blocks that tile nothing evenly, and so a pyramid of three levels
    monkeypatch.setattr("hrpn_tf.evaluation.analysis.spatial_data.CHUNK", 37)
    ended = analyse(cohort, "--group", "m4")
    assert ended.exit_code == 0, ended.err
    assert ended.err == ""
    data = spatialdata.read_zarr(cohort.folder / "analysis" / "spatialdata" / "d1.zarr")
    assert set(data.images) == {"inputs", "prediction"}
    assert list(data["inputs"]) == ["scale0", "scale1", "scale2"]
    full = {n: data[n]["scale0"]["image"] for n in ("inputs", "prediction", "vessels")}
    inputs, target = image(3, 60.0)
    np.testing.assert_array_equal(np.asarray(full["inputs"]), np.moveaxis(inputs, -1, 0))
    assert full["prediction"].c.values.tolist() == ["qd", "qd_lower", "qd_upper"]
    np.testing.assert_allclose(np.asarray(full["prediction"])[0], target)
    extent = spatialdata.get_extent(data, exact=False)
    assert extent["x"] == pytest.approx((0, SHAPE[1] * PIXEL), abs=4)
    for table, element, stem in (
        ("vessel_table", "vessels", "vessels"),
        ("nucleus_table", "nuclei", "nuclei"),
    ):
        with (cohort.folder / "analysis" / f"{stem}.csv").open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        _, matched = spatialdata.join_spatialelement_table(
            spatial_element_names=[element], spatial_elements=[data[element]],
            table=data[table], how="left",
        )  # fmt: skip
        assert len(matched) == len(rows) > 3
        areas = matched[:, "area_um2"].X.ravel()
        np.testing.assert_allclose(areas, [float(row["area_um2"]) for row in rows])
        place = [(float(row["x_um"]), float(row["y_um"])) for row in rows]
        np.testing.assert_allclose(matched.obsm["spatial"], place)
        assert set(matched.obs["condition"]) == {"treated"}
    labels = np.asarray(full["vessels"])
    vessels = data["vessel_table"]
    pixels = np.bincount(labels.ravel())[1:]
    np.testing.assert_allclose(pixels * PIXEL**2, vessels[:, "area_um2"].X.ravel())
    assert data.attrs["hrpn_tf"]["slide"] == "d1"
    assert data.attrs["hrpn_tf"]["measures"]["mean_intensity"] == pytest.approx(
        target.mean(), rel=1e-5
    )
