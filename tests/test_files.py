"""Nothing half-written is seen under the final name, and what was there stays until the end."""

import errno
import os
import stat
from pathlib import Path

import pytest

from hrpn_tf.errors import DiskFullError, OutputExistsError, UsageError
from hrpn_tf.files import atomic_path, refuse_lost_inputs


def fill(path: Path, kind: str, text: str) -> None:
    if kind == "folder":
        (path / "inner").mkdir(parents=True)
        path = path / "inner" / "part"
    path.write_text(text)


def content(path: Path) -> str:
    return (path / "inner" / "part" if path.is_dir() else path).read_text()


def fill_then_raise(final: Path, kind: str, error: BaseException) -> None:
    with atomic_path(final, overwrite=True) as temporary:
        fill(temporary, kind, "half")
        raise error


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("before", [None, "file", "folder"])
def test_success_renames_and_error_restores(tmp_path: Path, kind: str, before: str | None) -> None:
    final = tmp_path / "made" / "result.ome.tif"
    if before:
        final.parent.mkdir()
        fill(final, before, "old")
    with pytest.raises(KeyboardInterrupt):
        fill_then_raise(final, kind, KeyboardInterrupt())
    assert names(final.parent) == (["result.ome.tif"] if before else [])
    assert not before or content(final) == "old"

    with atomic_path(final, overwrite=True) as temporary:
        assert temporary.parent == final.parent
        assert temporary.name.endswith("result.ome.tif")
        fill(temporary, kind, "new")
        assert not before or content(final) == "old"
    assert names(final.parent) == ["result.ome.tif"]
    assert content(final) == "new"


@pytest.mark.parametrize("before", ["file", "folder", "dangling link"])
def test_existing_result_is_refused_before_any_work(tmp_path: Path, before: str) -> None:
    final = tmp_path / "result"
    if before == "dangling link":
        final.symlink_to(tmp_path / "nowhere")
    else:
        fill(final, before, "old")
    with (
        pytest.raises(OutputExistsError, match="result exists; give --overwrite"),
        atomic_path(final, overwrite=False),
    ):
        pytest.fail("the work was started")
    assert names(tmp_path) == ["result"]


@pytest.mark.parametrize("given", ["data", "data/slide.tif", "link/slide.tif", "data/inner"])
def test_a_result_never_replaces_what_it_is_made_from(tmp_path: Path, given: str) -> None:
    final = tmp_path / "data"
    (final / "inner").mkdir(parents=True)
    (final / "slide.tif").touch()
    (tmp_path / "link").symlink_to(final)
    with pytest.raises(UsageError, match=r"would replace .*, which is read"):
        refuse_lost_inputs(final, [None, tmp_path / given])
    refuse_lost_inputs(final / "inner", [final / "slide.tif", final, final / "missing"])
    refuse_lost_inputs(tmp_path / "new", [tmp_path / "new" / "gone"])


def test_result_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    final = tmp_path / "result"

    def meanwhile() -> None:
        with atomic_path(final, overwrite=False) as temporary:
            temporary.write_text("mine")
            final.write_text("theirs")

    with pytest.raises(OutputExistsError):
        meanwhile()
    assert names(tmp_path) == ["result"]
    assert final.read_text() == "theirs"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_full_disk_is_a_named_error(tmp_path: Path, number: int) -> None:
    final = tmp_path / "result"
    with pytest.raises(DiskFullError, match=r"result: .* nothing was left"):
        fill_then_raise(final, "folder", OSError(number, "No space left on device"))
    assert names(tmp_path) == []


def test_other_system_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        fill_then_raise(tmp_path / "a", "file", PermissionError(errno.EACCES, "Permission denied"))


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_seen_is_on_the_disk(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[int] = []
    fsync = os.fsync

    def note(handle: int) -> None:
        stored.append(os.fstat(handle).st_ino)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", note)
    final = tmp_path / "result"
    with atomic_path(final, overwrite=False) as temporary:
        fill(temporary, kind, "new")
        before = len(stored)
    assert before == 0
    made = [final, *final.rglob("*")]
    assert {path.stat().st_ino for path in made} <= set(stored[:-1])
    assert stored[-1] == tmp_path.stat().st_ino  # its name, after it was moved


def test_a_folder_that_may_only_be_written_to_takes_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def refuse(path: Path, *arguments: int, **options: int) -> int:
        if Path(path) == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    with atomic_path(tmp_path / "result", overwrite=False) as temporary:
        fill(temporary, "file", "new")
    assert content(tmp_path / "result") == "new"


def test_a_drive_that_cannot_sync_folders_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    with atomic_path(tmp_path / "result", overwrite=False) as temporary:
        fill(temporary, "folder", "new")
    assert content(tmp_path / "result") == "new"
