import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.prediction.journal import Journal

WRITE = """
import sys
from pathlib import Path
from hrpn_tf.prediction.journal import Journal
journal = Journal(Path(sys.argv[1]))
for index in range(int(sys.argv[2]), 60, 3):
    journal.add(index)
"""


def test_what_is_added_is_there(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "finished")
    assert journal.finished() == set()
    journal.add(3)
    journal.add(5, 0)
    journal.add()
    assert journal.finished() == Journal(tmp_path / "finished").finished() == {0, 3, 5}


def test_several_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITE, str(tmp_path)]
    writers = [subprocess.Popen([*command, str(first)]) for first in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert Journal(tmp_path).finished() == set(range(60))
    assert len(list(tmp_path.iterdir())) == 3, "a file for each process"


@given(st.lists(st.integers(0, 2000), min_size=1, max_size=9), st.data())
def test_a_torn_end_never_names_a_block_that_was_not_finished(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], data: st.DataObject
) -> None:
    """However few bytes of the file reached the disk; with what a dead disk may leave behind."""
    folder = tmp_path_factory.mktemp("journal")
    Journal(folder).add(*numbers)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    kept = data.draw(st.integers(0, len(whole)))
    torn = data.draw(st.sampled_from([b"", b"\0\0\0", b"\xff", b"-1\n", b"x\n", b"\n"]))
    file.write_bytes(whole[:kept] + (b"" if torn and whole[:kept][-1:] != b"\n" else torn))
    complete = whole[:kept].count(b"\n")
    assert Journal(folder).finished() == set(numbers[:complete])


@given(st.integers(10, 2000), st.integers(1, 4), st.integers(0, 2000))
def test_a_process_goes_on_after_a_line_that_its_full_disk_tore(
    tmp_path_factory: pytest.TempPathFactory, first: int, kept: int, second: int
) -> None:
    """The same process, whose file is the same, tries again when there is room."""
    folder = tmp_path_factory.mktemp("journal")
    Journal(folder).add(first)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:kept])
    Journal(folder).add(second)
    assert list(folder.iterdir()) == [file]
    assert Journal(folder).finished() == {second} | ({first} if kept >= len(whole) else set())


def test_it_is_on_the_disk_when_add_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(Path(f"/proc/self/fd/{handle}").read_bytes())
    )
    Journal(tmp_path).add(7)
    assert synced == [b"7\n"]
