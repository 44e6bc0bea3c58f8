"""The command that the plugin runs, its messages, and what it finds unfinished."""

import json
import sys
from pathlib import Path

import pytest

from hrpn_tf.cli import predict
from hrpn_tf.napari_plugin.command import CommandWish, results_folder, unfinished_regions
from hrpn_tf.napari_plugin.messages import Message, read_message
from hrpn_tf.napari_plugin.networks import NetworkChoice
from hrpn_tf.napari_plugin.region import PixelRegion

RUN = NetworkChoice("run", "/runs/best run")
REGION = PixelRegion(10, 20, 300, 200)


def wish(slide: Path, folder: Path, **changes: object) -> CommandWish:
    values = {"slide": slide, "network": RUN, "channels": {"vessels": 1, "nuclei": 0}}
    return CommandWish(**values, folder=folder, **changes)  # type: ignore[arg-type]


def test_predict_understands_the_command(tmp_path: Path) -> None:
    full = wish(
        tmp_path / "my slide.ome.tif", tmp_path / "out", region=REGION, bounds=True,
        pixel_size_um=0.325,
    )  # fmt: skip
    program, *rest = full.arguments
    assert (program, rest[:4]) == (sys.executable, ["-P", "-m", "hrpn_tf", "predict"])
    flags = [each for each in rest[4:] if each != "--log-json"]  # taken before click looks
    found = predict.command.make_context("predict", flags).params
    assert found["slides"] == (tmp_path / "my slide.ome.tif",)
    assert found["out"] == tmp_path / "out" / "my slide_10_20_300_200.ome.tif"
    assert (found["run"], found["intervals"]) == (Path("/runs/best run"), True)
    assert found["channels"] == ("vessels=1", "nuclei=0")
    assert (found["region"], found["pixel_size_um"]) == ("10,20,300,200", 0.325)
    assert (found["skip_existing"], found["overwrite"]) == (True, False)


def test_the_whole_slide_is_no_region(tmp_path: Path) -> None:
    whole = wish(Path("a.ome.tif"), tmp_path, overwrite=True)
    assert whole.out == tmp_path / "a.ome.tif"
    assert not {"--region", "--intervals", "--pixel-size", "--skip-existing"} & {*whole.arguments}
    assert "--overwrite" in whole.arguments


@pytest.mark.parametrize("depth", [3, "max"])
def test_the_plane_of_a_stack_is_said(tmp_path: Path, depth: int | str) -> None:
    flags = [f for f in wish(Path("a.tif"), tmp_path, depth=depth).arguments if f != "--log-json"]
    assert predict.command.make_context("predict", flags[5:]).params["z"] == depth


def test_results_of_each_network_have_their_folder() -> None:
    slide = Path("/s/a.ome.tif")
    assert results_folder(slide, RUN, True, 3) == Path("/s/predictions-best run-z3-intervals")
    assert results_folder(slide, RUN, True) == Path("/s/predictions-best run-intervals")


def test_unfinished_results_of_a_slide_are_found(tmp_path: Path) -> None:
    for name in ("a", "a_10_20_300_200", "a_b", "ab", "a_1_2_3", "a_5_5_5_5"):
        folder = tmp_path / f".unfinished-{name}.ome.tif"
        folder.mkdir()
        if name != "a_5_5_5_5":  # begun, but without a plan
            (folder / "plan.json").touch()
    assert unfinished_regions(Path("a.ome.tif"), tmp_path) == [None, REGION]
    assert unfinished_regions(Path("a.ome.tif"), tmp_path / "not there") == []


def test_progress_is_a_share() -> None:
    update = {"title": "a.ome.tif", "done": 50, "total": 200, "unit": "px", "note": ""}
    line = json.dumps({"level": "INFO", "message": "a.ome.tif", "progress": update})
    assert read_message(line) == Message("progress", "a.ome.tif", 0.25)
    unknown = line.replace("200", "null")
    assert read_message(unknown) == Message("progress", "a.ome.tif", None)


@pytest.mark.parametrize(("level", "kind"), [("ERROR", "error"), ("WARNING", "warning")])
def test_the_level_is_the_kind(level: str, kind: str) -> None:
    assert read_message(json.dumps({"level": level, "message": "m\x1b[2J"})).kind == kind
    assert "\x1b" not in read_message(json.dumps({"level": level, "message": "m\x1b[2J"})).text


@pytest.mark.parametrize("line", ["E0000 a library", "{", "[1]", '{"level": "INFO"}', "[" * 9000])
def test_any_other_line_is_information(line: str) -> None:
    found = read_message(line)
    assert (found.kind, found.share) == ("info", None)
    assert found.text.startswith(line[:20])
