"""What dead writers leave is cleared, what living ones are writing is not."""

import os
import random
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hrpn_tf.files import atomic_path, refuse_existing
from hrpn_tf.leftovers import claimed, clear, clear_folder, partial_path, replaced_path


def write(final: Path, text: str, kind: str) -> None:
    if kind == "folder":
        final.mkdir()
        final = final / "part"
    final.write_text(text)


def content(path: Path) -> str | None:
    if not path.exists():
        return None
    return (path / "part" if path.is_dir() else path).read_text()


def leave(final: Path, kinds: str, text: str = "old") -> None:
    """What a process that was killed left, with its lock or, earlier versions, without."""
    token = f"{random.randrange(2**32):08x}"
    if "p" in kinds:
        partial_path(final, token).write_text("half")
    if "r" in kinds:
        write(replaced_path(final, token), text, "folder")
    if "l" in kinds:
        final.with_name(f".lock-{token}-{final.name}").write_text("elsewhere 1\n")


def hidden(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.startswith(".")}


# A new living writer, a dead one, one that finishes or fails, or a command that starts.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "die", "end", "fail", "start"]),
        st.sampled_from(["a", "ab", "b.ome.tif"]),
        st.sampled_from(["p", "l", "pl", "plr", "r", "pr"]),
    ),
    max_size=14,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_dead_and_living_writers_in_any_order(
    steps: list[tuple[str, str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("writers")
    living: dict[str, list[tuple[AbstractContextManager[Path], Path, str]]] = {}
    result: dict[str, str | None] = {}
    kept: dict[str, str] = {}  # what a dead writer has set aside, where there is no result
    for number, (what, name, kinds) in enumerate(steps):
        final = folder / name
        if what == "begin":
            context = atomic_path(final, overwrite=True)
            partial = context.__enter__()
            write(partial, f"{number}", "folder")
            living.setdefault(name, []).append((context, partial, f"{number}"))
        elif what == "die":
            if "r" in kinds:  # killed between its two renames: there is no result then
                if final.exists() or name in kept:
                    continue
                kept[name] = f"old {number}"
            leave(final, kinds, f"old {number}")
            continue
        elif what in ("end", "fail") and living.get(name):
            context, _, text = living[name].pop()
            if what == "fail":
                context.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
                continue
            context.__exit__(None, None, None)
            result[name] = text
        elif what == "start":
            refuse_existing(final, overwrite=True)
        else:
            continue
        if result.get(name) is None and name in kept:
            result[name] = kept[name]
        kept.pop(name, None)
        assert content(final) == result.get(name)
        alive = {f".{kind}-" for kind in ("partial", "lock") if living.get(name)}
        assert {n[: n.index("-") + 1] for n in hidden(folder) if n.endswith(f"-{name}")} == alive
        assert sum(n.endswith(f"-{name}") for n in hidden(folder)) == 2 * len(living.get(name, []))
        for all_ in living.values():
            assert all(content(partial) == text for _, partial, text in all_)


def test_a_process_that_lives_and_then_is_killed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from hrpn_tf.files import atomic_path\n"
        "with atomic_path(Path(sys.argv[1]), True) as temporary:\n"
        "    temporary.write_text('half'); print('there', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "result")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    clear(tmp_path / "result")
    assert len(hidden(tmp_path)) == 2, "it lives"
    process.kill()
    process.communicate()
    clear(tmp_path / "other")
    assert len(hidden(tmp_path)) == 2, "of another result"
    clear_folder(tmp_path)
    assert hidden(tmp_path) == set()


def test_two_threads_write_the_same_result(tmp_path: Path) -> None:
    final, meet = tmp_path / "result", threading.Barrier(2)
    problems: list[BaseException] = []

    def make(text: str) -> None:
        try:
            for _ in range(20):
                with atomic_path(final, overwrite=True) as temporary:
                    temporary.write_text(text)
                    meet.wait(10)
                    assert temporary.read_text() == text
        except BaseException as error:  # noqa: BLE001 (reported below)
            problems.append(error)

    threads = [threading.Thread(target=make, args=(text,)) for text in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert os.listdir(tmp_path) == ["result"]


def test_a_half_removed_result_is_never_put_back(tmp_path: Path) -> None:
    """Killed while it removes what it replaced, whose place the new result has."""
    final = tmp_path / "result"
    write(final, "old", "folder")
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda path, **_: seen.append(Path(path).name))
        with atomic_path(final, overwrite=True) as temporary:
            write(temporary, "new", "folder")
    assert all(name.startswith(".partial-") for name in seen)
    assert not any(name.startswith(".replaced-") for name in hidden(tmp_path))
    (final / "part").unlink()
    final.rmdir()
    clear(final)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("locks", [True, False])
def test_a_drive_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locks: bool
) -> None:
    """There, only a process of this machine that is gone counts as dead."""
    final = tmp_path / "result"
    if not locks:
        monkeypatch.setattr(
            "fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(37, "no locks"))
        )
    leave(final, "pl")  # by a process of another machine
    with claimed(final) as token:
        partial_path(final, token).write_text("mine")
        clear(final)
        assert partial_path(final, token).exists()
    clear(final)
    assert len(hidden(tmp_path)) == (0 if locks else 2)
