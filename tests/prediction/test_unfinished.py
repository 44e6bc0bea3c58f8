"""The folder in which a result is made: who may work in it, and when one may go on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hrpn_tf.errors import RunBusyError, UnfinishedError
from hrpn_tf.prediction.planning import TilePlan
from hrpn_tf.prediction.started import StartRecord
from hrpn_tf.prediction.tiling import Region, plan_tiling
from hrpn_tf.prediction.unfinished import Unfinished

PLAN = TilePlan(
    plan_tiling(Region(3, 4, 100, 90), tile=64, stride_multiple=8, receptive_field=31), 2, 1, 10**9
)
REQUEST: dict[str, Any] = {
    "origin": {"model": {"sha256": "1f"}, "input": {"sha256": {"a.tif": "2e"}}},
    "region": {"y": 3},
    "mask": None,
    "channels": (0, 1),
}
WORK = "work-0"
FOUND = StartRecord(REQUEST["origin"], WORK)
HOLD = """
import sys
from pathlib import Path
from hrpn_tf.prediction.unfinished import Unfinished
with Unfinished(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def unfinished(tmp_path: Path) -> Unfinished:
    return Unfinished(tmp_path / "new" / "out.ome.tif")


def begin(unfinished: Unfinished) -> None:
    """As a prediction does that is killed then."""
    unfinished.folder.mkdir(parents=True)
    (unfinished.work(WORK).pixels / "0").mkdir(parents=True)
    unfinished.start(REQUEST, PLAN, FOUND)
    unfinished.work(WORK).journal().add(1)


@contextmanager
def held_by_another_process(out: Path) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-c", HOLD, str(out)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_what_was_begun_is_found_again(unfinished: Unfinished) -> None:
    begin(unfinished)
    assert unfinished.resume(REQUEST, restart=False) == (PLAN, FOUND)
    assert unfinished.work(WORK).journal().finished() == {1}


def test_what_an_earlier_version_began_is_resumed_with_its_tiles(unfinished: Unfinished) -> None:
    """Schema 2 knows no tiles that are smaller at the end of a row or column."""
    begin(unfinished)
    path = unfinished.folder / "plan.json"
    record = json.loads(path.read_text())
    assert record["schema"] == 3
    del record["plan"]["tiling"]["ragged"]
    path.write_text(json.dumps({**record, "schema": 2}))
    found = unfinished.resume(REQUEST, restart=False)
    assert found is not None
    assert found[0] == replace(PLAN, tiling=replace(PLAN.tiling, ragged=False))
    assert unfinished.work(WORK).journal().finished() == {1}


CHANGES: list[tuple[Mapping[str, Any], str]] = [
    ({"origin": {**REQUEST["origin"], "model": {"sha256": "ff"}}}, r"in model\.sha256;"),
    ({"origin": {**REQUEST["origin"], "input": {}}}, r"in input\.sha256;"),
    ({"region": {"y": 4}}, r"in region\.y;"),
    ({"mask": "0a"}, r"in mask;"),
    ({"channels": (1, 0)}, r"in channels;"),
    ({"more": 1}, r"in more;"),
]


@pytest.mark.parametrize(("change", "where"), CHANGES)
def test_another_request_is_refused_by_the_name_of_what_differs(
    unfinished: Unfinished, change: Mapping[str, Any], where: str
) -> None:
    begin(unfinished)
    other = {**REQUEST, **change}
    with pytest.raises(UnfinishedError, match=rf"{where}.*--overwrite.*\.unfinished-out") as error:
        unfinished.resume(other, restart=False)
    assert "\n" not in str(error.value)
    assert unfinished.work(WORK).journal().finished() == {1}, "nothing is lost by asking"
    assert unfinished.resume(other, restart=True) is None
    assert list(unfinished.folder.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        *("{", "", "[]", '{"schema": 99}', '{"schema": 3}', None),
        '{"schema": 3, "request": {}, "plan": {}, "found": {"work": "work-1"}}',
        '{"schema": 3, "request": {}, "plan": {}, "found": {"origin": {}}}',
    ],
)
def test_without_a_whole_plan_it_starts_anew(unfinished: Unfinished, damage: str | None) -> None:
    begin(unfinished)
    plan = unfinished.folder / "plan.json"
    plan.unlink() if damage is None else plan.write_text(damage)
    assert unfinished.network() is None
    assert unfinished.sums() is None
    assert unfinished.resume(REQUEST, restart=False) is None
    assert list(unfinished.folder.iterdir()) == []


def test_without_its_pixels_it_starts_anew(unfinished: Unfinished) -> None:
    """Killed when the result had just been moved away."""
    begin(unfinished)
    (unfinished.work(WORK).pixels / "0").rmdir()
    unfinished.work(WORK).pixels.rmdir()
    assert unfinished.resume(REQUEST, restart=True) is None


def test_throwing_away_begins_with_the_plan(
    unfinished: Unfinished, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it is thrown away, it must not look like something to go on with."""
    begin(unfinished)
    removed: list[str] = []
    monkeypatch.setattr(
        "hrpn_tf.prediction.unfinished.remove", lambda path: removed.append(path.name)
    )
    unfinished.discard()
    assert removed[0] == "plan.json"
    assert set(removed) == {"plan.json", WORK}


def test_a_second_process_is_refused(unfinished: Unfinished) -> None:
    with held_by_another_process(unfinished.out):
        with (
            pytest.raises(RunBusyError, match=r"another process is working there"),
            unfinished.held(),
        ):
            pass
        assert unfinished.folder.is_dir(), "the other one's"
    with unfinished.held():
        pass


def test_the_folder_goes_with_its_purpose(unfinished: Unfinished, tmp_path: Path) -> None:
    with unfinished.held():
        (unfinished.folder / "tissue.npz").write_text("half of what is needed")
    assert list(tmp_path.iterdir()) == [], "without a plan nothing can go on"
    with pytest.raises(ZeroDivisionError), unfinished.held():  # noqa: PT012
        unfinished.start(REQUEST, PLAN, FOUND)
        raise ZeroDivisionError
    assert unfinished.folder.is_dir()
    with unfinished.held():
        unfinished.discard()
        unfinished.out.write_text("the result")
    assert list(unfinished.out.parent.iterdir()) == [unfinished.out]


def test_a_folder_that_is_removed_while_it_is_locked_is_made_anew(
    unfinished: Unfinished, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder ended right between our making and our locking it."""
    import hrpn_tf.files as module

    locked, removals = module.locked, []

    def slow(folder: Path) -> Any:
        if not removals:
            removals.append(folder)
            handle = os.open(folder, os.O_RDONLY)  # keeps the number of the folder from reuse
            folder.rmdir()
            folder.mkdir()
            os.close(handle)
        return locked(folder)

    monkeypatch.setattr(module, "locked", slow)
    with unfinished.held():
        assert removals
        with pytest.raises(RunBusyError), Unfinished(unfinished.out).held():
            pass


def test_what_a_killed_process_left_beside_the_result_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "out.ome.tif"
    (tmp_path / ".partial-0a1b2c3d-out.ome.tif").write_text("half")
    replaced = tmp_path / ".replaced-0a1b2c3d-out.ome.tif"
    replaced.write_text("the only result left")
    others = {".partial-0a1b2c3d-xout.ome.tif", ".partial-0a1b2c3d-out.ome.tiff", "out.ome.tif2"}
    for name in others:
        (tmp_path / name).write_text("another's")
    with Unfinished(out).held():
        pass
    assert {p.name for p in tmp_path.iterdir()} == {*others, out.name}
    assert out.read_text() == "the only result left"
    replaced.mkdir()
    with Unfinished(out).held():
        pass
    assert {p.name for p in tmp_path.iterdir()} == {*others, out.name}


def test_the_plan_is_written_whole(unfinished: Unfinished, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(unfinished)
    before = (unfinished.folder / "plan.json").read_bytes()

    def torn(self: Path, *_: object, **__: object) -> int:
        self.write_bytes(b'{"schema"')
        raise OSError("power cut")

    monkeypatch.setattr(Path, "write_text", torn)
    with pytest.raises(OSError, match="power cut"):
        unfinished.start(REQUEST, replace(PLAN, bytes=7), FOUND)
    assert (unfinished.folder / "plan.json").read_bytes() == before
    assert json.loads(before)["plan"]["bytes"] == 10**9
