"""The whole workflow through ``import hrpn_tf as ht``, which is that of the examples."""

import doctest
import io
import os
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.run_folder import pixels

import hrpn_tf as ht
from hrpn_tf.errors import OutputExistsError, RunError, UsageError
from hrpn_tf.slides import write_slide

pytestmark = pytest.mark.slow

FUNCTIONS = [name for name in ht.__all__ if not name.startswith("_")]


@pytest.fixture(scope="module", autouse=True)
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Every example of the documentation, run once and in order in a folder of its own.

    The names that the examples set, and the output of those that failed under "failures".
    """
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("worked"))
    failures = io.StringIO()
    names: dict[str, Any] = {}
    runner = doctest.DocTestRunner()
    for name in FUNCTIONS:
        for test in doctest.DocTestFinder(recurse=False).find(getattr(ht, name), name, globs={}):
            assert test.examples, f"{name} has no example"
            test.globs = names
            runner.run(test, out=failures.write, clear_globs=False)
    yield {**names, "failures": failures.getvalue()}
    os.chdir(before)


def test_the_example_of_every_function_runs(worked: dict[str, Any]) -> None:
    assert not worked["failures"]


@pytest.mark.parametrize(
    "name",
    ["simulated", "prepared", "fitted", "predicted", "evaluated", "calibrated", "exported",
     "reported", "compared", "planned"],
)  # fmt: skip
def test_a_result_is_frozen_and_shows_itself(worked: dict[str, Any], name: str) -> None:
    result = worked[name]
    assert Path(result).exists()
    assert f"{result.seconds:.4g}" in repr(result)
    assert "\n" not in repr(result)
    assert "<table>" in result._repr_html_()
    with pytest.raises(FrozenInstanceError):
        result.seconds = 0.0


def test_pictures_are_part_of_the_html(worked: dict[str, Any]) -> None:
    for name in ("predicted", "evaluated"):
        assert "src='data:image/png;base64," in worked[name]._repr_html_()


def test_a_table_holds_plain_values(worked: dict[str, Any]) -> None:
    for name in (
        "simulated",
        "prepared",
        "evaluated",
        "calibrated",
        "exported",
        "compared",
        "planned",
    ):
        table = worked[name].table
        assert table
        assert all(row.keys() == table[0].keys() for row in table)
        assert {type(cell) for row in table for cell in row.values()} <= {
            str, int, float, type(None)
        }  # fmt: skip


def test_a_result_is_taken_where_a_path_is(worked: dict[str, Any]) -> None:
    fitted, predicted = worked["fitted"], worked["predicted"]
    assert ht.open_run(fitted) == fitted.run
    assert ht.open_run(fitted.run) is fitted.run
    assert "qd from vessels, nuclei" in fitted.run._repr_html_()
    with ht.open_slide(predicted) as slide:
        assert ht.open_slide(slide) is slide
    again = ht.evaluate(fitted, predictions=predicted, out="again", baselines=False)
    assert again.metrics == worked["evaluated"].metrics
    assert again.folder == Path("again")


def test_slides_are_prepared_from_rows_as_from_a_list(worked: dict[str, Any]) -> None:
    rows = [{"slide": path, "group": path.name} for path in worked["simulated"].slides]
    with ht.open_slide(worked["simulated"].slides[0]) as slide:
        rows[0] = {"slide": slide, "group": "first"}
        prepared = ht.prepare(rows, "by-rows", {"data": {"patch": 64, "tissue.method": "all"}})
    assert [row["group"] for row in prepared.table][:2] == ["first", "slide-002.ome.tif"]
    assert prepared.pixel_size_um == 1.0


def test_intervals_of_an_array_are_those_of_a_file(worked: dict[str, Any]) -> None:
    image = worked["pixels"]
    write_slide(Path("part.ome.tif"), image, channels=["vessels", "nuclei"], pixel_size_um=1.0,
                provenance={})  # fmt: skip
    calibrated = worked["calibrated"]
    file = ht.predict(calibrated, "part.ome.tif", "bounds.ome.tif", intervals=True).read()
    found = ht.predict(calibrated, image, pixel_size=1.0, intervals=True)
    assert found.coverage == 0.8
    for number, plane in enumerate((found.mean, found.lower, found.upper)):
        np.testing.assert_array_equal(plane, file[..., number])
    assert (found.lower <= found.mean).all()
    assert "96 x 96 px" in repr(found)
    assert found._repr_html_().count("<img") == 2


def test_a_bundle_predicts_files_and_arrays(worked: dict[str, Any]) -> None:
    exported, image = worked["exported"], worked["pixels"]
    found = ht.predict(exported, image, pixel_size=1.0)
    np.testing.assert_allclose(found, ht.predict("run", image, pixel_size=1.0), atol=0.05)
    keras = ht.predict("bundle", image, pixel_size=1.0, model_format="keras")
    np.testing.assert_allclose(found, keras, atol=0.05)
    slide = worked["simulated"].slides[0]
    path = ht.predict(exported, slide, "from-bundle.ome.tif").path
    assert path == Path("from-bundle.ome.tif")
    assert pixels(path).shape == (160, 160)
    with pytest.raises(UsageError, match="precision: for bundles only"):
        ht.predict("run", image, pixel_size=1.0, precision="fp16")


def test_updates_reach_a_function_and_nothing_is_printed(
    worked: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    updates: list[Any] = []
    ht.predict(worked["fitted"], overwrite=True, progress=updates.append)
    assert updates[-1].done == updates[-1].total == 160 * 160
    ht.predict(worked["fitted"], overwrite=True)
    assert capfd.readouterr() == ("", "")
    ht.predict(worked["fitted"], overwrite=True, progress=True)
    assert "px" in capfd.readouterr().err


def test_what_exists_is_not_replaced(worked: dict[str, Any]) -> None:
    with pytest.raises(OutputExistsError):
        ht.evaluate("run")
    with pytest.raises(RunError, match="finished"):
        ht.fit("patches", "run", worked["settings"], preset="hrpn-s")


def test_runs_that_would_get_one_label_are_refused(worked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="two runs are called run"):
        ht.compare(["run", worked["fitted"]], "twice")
    with pytest.raises(UsageError, match="no run"):
        ht.compare({}, "none")
