"""Cohorts on a scheduler and two workers, which are processes of their own and get killed."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tifffile
from support.processes import (
    Cluster,
    Command,
    files,
    finished_blocks,
    results,
    running_cluster,
    wait_for,
)
from support.run_folder import make_run, predict, write

SHAPE = (700, 610)  # 110 blocks


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory, network: Path) -> Path:
    """A run, four slides, and what this process alone makes of them."""
    folder = tmp_path_factory.mktemp("slides")
    make_run(folder / "run", network)
    for seed in range(4):
        write(folder / f"s{seed}.ome.tif", seed, shape=SHAPE)
    given = [folder / f"s{seed}.ome.tif" for seed in range(4)]
    for format, out in (("ome-zarr-0.5", "zarr"), ("ome-tiff", "tiff")):
        options = ["--format", format, "--out", folder / out, "--workers", 0]
        assert predict(folder / "run", *given, *options) == 0
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


def damage(path: Path) -> None:
    """Spoil one compressed tile: the slide opens, and fails when that is read."""
    with tifffile.TiffFile(path) as tif:
        segments = tif.pages[0].dataoffsets
    with path.open("r+b") as file:
        file.seek(segments[len(segments) // 2])
        file.write(b"\xff" * 64)


def blocks_that_were_there(text: str) -> int:
    return sum(
        int(part.split(" of ")[0].split()[-1]) for part in text.split(" blocks were there")[:-1]
    )


@pytest.mark.slow
def test_a_killed_worker_and_a_damaged_slide(
    slides: Path, tmp_path: Path, cluster: Cluster
) -> None:
    """Nothing is lost with the worker; the slide is reported, and predicted once it is whole."""
    out, given = tmp_path / "out", tmp_path / "given"
    given.mkdir()
    for seed in range(4):
        shutil.copy(slides / f"s{seed}.ome.tif", given)
    whole = (given / "s1.ome.tif").read_bytes()
    damage(given / "s1.ome.tif")
    (given / "list.csv").write_text(
        "slide,group\n" + "".join(f"s{i}.ome.tif,new\n" for i in range(4))
    )
    arguments = ["--run", slides / "run", given / "list.csv", "--out", out,
                 "--format", "ome-zarr-0.5", "--scheduler", cluster.address]  # fmt: skip
    cluster.need(2)
    command = Command(tmp_path, *arguments)
    wait_for(lambda: finished_blocks(out) > 20)
    cluster.kill_worker()
    assert len(results(out)) < 3, "killed in the middle of its work"
    assert command.wait() == 1
    [said] = command.said()
    assert said.startswith("hrpn-tf: 1 of 4 slides failed; the others are done")
    assert "s1.ome.tif" in said
    assert sorted(path.name for path in out.iterdir()) == [f"s{i}.ome.zarr" for i in (0, 2, 3)]
    for path in out.iterdir():
        assert files(path) == files(slides / "zarr" / path.name)

    (given / "s1.ome.tif").write_bytes(whole)
    command = Command(tmp_path, *arguments)
    assert command.wait() == 0
    assert command.said() == ["hrpn-tf: 3 of 4 slides are predicted already"]
    assert files(out) == files(slides / "zarr"), "not a trace of the failure"


@pytest.mark.slow
def test_a_command_that_was_stopped_goes_on(slides: Path, tmp_path: Path, cluster: Cluster) -> None:
    out = tmp_path / "out"
    given = [slides / f"s{seed}.ome.tif" for seed in range(4)]
    arguments = ["--run", slides / "run", *given, "--out", out, "--scheduler", cluster.address]
    cluster.need(1)
    command = Command(tmp_path, *arguments)
    wait_for(lambda: finished_blocks(out) > 20)
    command.process.terminate()
    began = time.monotonic()
    assert command.wait() == 143
    assert time.monotonic() - began < 30
    assert command.said() == ["hrpn-tf: stopped; run the same command again to go on"]
    assert len(results(out)) < 4, "stopped in the middle of its work"
    there = finished_blocks(out)

    again = Command(tmp_path, *arguments)
    assert again.wait() == 0
    assert 0 < there <= blocks_that_were_there(again.out.read_text())
    assert files(out) == files(slides / "tiff")


@pytest.mark.slow
def test_without_its_scheduler_a_cohort_ends_and_can_go_on(
    slides: Path, tmp_path: Path, cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [*(slides / f"s{seed}.ome.tif" for seed in range(2)), "--out", out]
    cluster.need(1)
    command = Command(tmp_path, "--run", slides / "run", *arguments, "--scheduler", cluster.address)
    wait_for(lambda: finished_blocks(out) > 20)
    cluster.scheduler.kill()
    began = time.monotonic()
    assert command.wait() == 1
    assert time.monotonic() - began < 40
    [said] = command.said()
    assert "scheduler is gone" in said
    assert "run the same command again to go on" in said
    assert predict(slides / "run", *arguments, "--workers", 0) == 0
    assert blocks_that_were_there(capsys.readouterr().out) > 0
    assert files(out) == {n: b for n, b in files(slides / "tiff").items() if n[:2] in ("s0", "s1")}
