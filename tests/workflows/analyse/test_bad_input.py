"""Bad input of ``hrpn-tf analyse`` ends in one line and leaves nothing."""

import json
import re
from collections.abc import Callable

import numpy as np
import pytest
import tifffile
from support.predicted_cohort import SHAPE, Cohort, analyse, image

from hrpn_tf.slides import write_slide


def other_network(cohort: Cohort) -> None:
    cohort.write_prediction("b1", 20.0, network="def")


def other_slide(cohort: Cohort) -> None:
    write_slide(
        cohort.folder / "a1.ome.tif", image(9, 20.0)[0], channels=["vessels", "nuclei"],
        pixel_size_um=0.5, provenance={}, overwrite=True,
    )  # fmt: skip


def no_bounds(cohort: Cohort) -> None:
    cohort.write_prediction("c1", 20.0, bounds=False)


def gone(cohort: Cohort) -> None:
    (cohort.predictions / "f1.ome.tif").unlink()


def labels(shape: tuple[int, int], level: int) -> Callable[[Cohort], None]:
    def change(cohort: Cohort) -> None:
        tifffile.imwrite(cohort.folder / "l.tif", np.full(shape, level, np.uint32))

    return change


def outlines(*coordinates: float) -> Callable[[Cohort], None]:
    def change(cohort: Cohort) -> None:
        ring = [list(coordinates[i : i + 2]) for i in range(0, len(coordinates), 2)]
        drawn = {"type": "Polygon", "coordinates": [ring] if ring else []}
        (cohort.folder / "o.geojson").write_text(json.dumps(drawn))

    return change


def no_condition(cohort: Cohort) -> None:
    cohort.write_list(b1=("m2", ""))


ONE = ["--group", "m1"]


@pytest.mark.parametrize(
    ("change", "arguments", "code", "message"),
    [
        (other_network, [], 2, r"b1 was predicted by another network than a1; predict all"),
        (other_slide, [], 2, r"made from other pixels than .*a1\.ome\.tif"),
        (no_bounds, ["--intervals"], 2, r"c1\.ome\.tif: has no bounds .*--intervals, after hrpn"),
        (
            gone,
            [],
            2,
            r"no prediction of f1; .*: hrpn-tf predict \S+ --run RUN --out \S+ --group m6;",
        ),
        (labels((9, 9), 1), [*ONE, "--vessel-mask", "{}/l.tif"], 2, "9 x 9 px, but the slide"),
        (labels(SHAPE, 0), [*ONE, "--vessel-mask", "{}/l.tif"], 2, "mask l.tif.: no ves"),
        (labels(SHAPE, 0), [*ONE, "--nucleus-labels", "{}/l.tif"], 2, "holds no label"),
        (outlines(), [*ONE, "--vessel-mask", "{}/o.geojson"], 2, "o.geojson: holds no outline"),
        (
            outlines(300, 300, 340, 300, 340, 340, 300, 300),
            [*ONE, "--nucleus-labels", "{}/o.geojson"],
            2,
            "outside the slide of 110 x 96 px",
        ),
        (None, [*ONE, "--nucleus-labels", "{}/gone.json"], 2, "gone.json: cannot be read: No such"),
        (None, ["--threshold", "300"], 2, "--threshold 300: outside the data, which go from 2 to"),
        (None, ["--set", "data.tissue.method=otsu", "--set", "training.epochs=3"], 2, "only spat"),
        (no_condition, [], 2, "no condition for 1 of 6 slides"),
        (None, ["--paired"], 2, "no animal has slides of two conditions"),
        (None, ["--coverage", "1.5"], 2, "--coverage 1.5: give a share"),
        (None, ["--coverage", "0.5"], 2, "--coverage: is for --held-back, which was not given"),
        (None, ["--predictions", "x"], 2, "holds predictions already; leave --predictions out"),
        (None, ["--config", "demo"], 2, "--config belongs to measured slides"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    cohort: Cohort,
    change: Callable[[Cohort], None] | None,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    if change is not None:
        change(cohort)
    ended = analyse(cohort, *(a.replace("{}", str(cohort.folder)) for a in arguments))
    assert ended.exit_code == code
    assert len(ended.err.strip().splitlines()) == 1, ended.err
    assert re.search(message, ended.err), ended.err
    assert not (cohort.folder / "analysis").exists()
    assert not [path for path in cohort.folder.iterdir() if path.name.startswith(".")]


@pytest.mark.usefixtures("no_pictures")
def test_slides_without_tissue_are_an_error(cohort: Cohort) -> None:
    tissue = ["spatial.region=tissue", "data.tissue.method=threshold", "data.tissue.threshold=250"]
    arguments = [part for each in tissue for part in ("--set", each)]
    ended = analyse(cohort, *arguments, *ONE)
    assert ended.exit_code == 1
    assert "a1.ome.tif: no tissue is found on it" in ended.err


def test_weights_have_no_slides_of_their_own_and_are_analysed_on_a_list(cohort: Cohort) -> None:
    run = cohort.run(network=b"a network")
    for name in ("split.json", "store.json", "history.csv"):
        (run / name).unlink(missing_ok=True)
    ended = analyse(cohort, path=run)
    assert ended.exit_code == 2
    assert "run: holds weights, which have no slides of their own; give a slide" in ended.err
    assert "fit again" not in ended.err
    ended = analyse(cohort, "--slides", cohort.slides, path=run)
    assert "a1 was predicted by another network than" in ended.err


def test_predictions_by_another_network_than_the_runs_are_refused(cohort: Cohort) -> None:
    run = cohort.run(network=b"a network")
    ended = analyse(cohort, "--slides", cohort.slides, path=run)
    assert ended.exit_code == 2
    assert "a1 was predicted by another network than" in ended.err


def test_a_fit_of_vessels_is_refused_for_predictions(cohort: Cohort) -> None:
    ended = analyse(cohort, "--permeability")
    assert ended.exit_code == 2
    assert "--permeability" in ended.err
    assert not (cohort.folder / "analysis").exists()
