"""Progress goes where the caller wants it, and nowhere by default."""

import json
from typing import Any

import pytest
from tqdm import tqdm

from hrpn_tf.console import Verbosity, terminal_log
from hrpn_tf.progress import Progress, Update, callback_bars, show_progress, tracked


def work() -> None:
    with Progress("read", 3, "px", initial=1) as progress:
        progress.update(note="loss=1")
    assert list(tracked("ab", "count", 2, "letter")) == ["a", "b"]


def test_nothing_is_shown_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    work()
    assert capfd.readouterr() == ("", "")


def test_a_function_gets_every_update() -> None:
    updates: list[Update] = []
    with show_progress(callback_bars(updates.append)):
        work()
    assert [(each.title, each.done, each.note) for each in updates] == [
        ("read", 1, ""), ("read", 2, "loss=1"),
        ("count", 0, ""), ("count", 1, ""), ("count", 2, ""),
    ]  # fmt: skip
    work()
    assert len(updates) == 5, "outside the context it gets none"


def test_a_function_can_be_called_less_often() -> None:
    updates: list[Update] = []
    with show_progress(callback_bars(updates.append, every=1000)), Progress("a", 9, "px") as bar:
        for _ in range(9):
            bar.update()
    assert [each.done for each in updates] == [0, 9]


def test_what_is_called_like_tqdm_fits() -> None:
    made: list[dict[str, Any]] = []

    def bars(**options: Any) -> Any:
        made.append(options)
        return tqdm(**options, disable=True)

    with show_progress(bars):
        work()
    assert [each["desc"] for each in made] == ["read", "count"]
    assert made[0] | {"total": 3, "initial": 1, "unit": "px", "unit_scale": True} == made[0]


def test_work_that_is_dropped_makes_the_total_smaller() -> None:
    updates: list[Update] = []
    with show_progress(callback_bars(updates.append)), Progress("a", 9, "px") as bar:
        bar.drop(4)
        bar.update(5)
    assert (updates[-1].done, updates[-1].total) == (5, 5)


def test_work_that_is_not_to_be_shown_is_not() -> None:
    updates: list[Update] = []
    with show_progress(callback_bars(updates.append)), Progress("a", 9, "px", shown=False) as bar:
        bar.update()
        bar.drop(1)
    assert updates == []


def test_the_command_line_shows_bars_unless_it_is_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with terminal_log():
        work()
    shown = capsys.readouterr()
    assert "read:" in shown.err
    assert "count: 100%" in shown.err
    assert shown.out == ""
    with terminal_log(Verbosity(quiet=True)):
        work()
    assert capsys.readouterr() == ("", "")


def test_progress_is_json_where_messages_are(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal_log(Verbosity(as_json=True)):
        work()
    records = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert records[1]["progress"] == {
        "title": "read", "done": 2, "total": 3, "unit": "px", "note": "loss=1",
    }  # fmt: skip
    assert all(record["message"] == record["progress"]["title"] for record in records)
