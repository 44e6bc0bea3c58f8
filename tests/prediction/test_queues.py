# ruff: noqa: PT012 (leaving the context is what is tested)
"""Threads that read ahead and write behind; every wait ends by an Event, none by sleeping."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hrpn_tf.errors import StalledError
from hrpn_tf.prediction.queues import NO_LIMIT, ReadAhead, WriteBehind, within

LONG = 30.0  # s; never waited for


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


def test_items_come_in_order() -> None:
    with ReadAhead(iter(range(100)), 3, LONG, "reading") as items:
        assert list(items) == list(range(100))


def test_no_more_is_read_ahead_than_is_allowed() -> None:
    made: list[int] = []
    enough = threading.Event()

    def numbers() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            if len(made) == 4:
                enough.set()
            yield number

    with ReadAhead(numbers(), 3, LONG, "reading") as items:
        assert enough.wait(LONG), "three wait, and a fourth is in the making"
        time.sleep(0.2)
        assert len(made) == 4
        for number in items:
            assert len(made) <= number + 5
    assert made == list(range(50))


def test_an_error_of_the_reader_comes_after_what_was_read_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("cable")

    got: list[int] = []
    with (
        pytest.raises(OSError, match="cable"),
        ReadAhead(broken(), 2, LONG, "reading") as items,
    ):
        got.extend(items)
    assert got == [1]


def test_leaving_early_stops_the_reader() -> None:
    made: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            made.append(0)
            yield 0

    with pytest.raises(KeyError), ReadAhead(endless(), 2, LONG, "reading") as items:
        next(iter(items))
        raise KeyError
    now = len(made)
    time.sleep(0.05)
    assert len(made) == now, "the thread has ended when the context is left"


def test_a_reader_that_stalls_is_given_up() -> None:
    answer = threading.Event()

    def stalls() -> Iterator[int]:
        yield 1
        answer.wait(LONG)
        yield 2

    started = time.monotonic()
    with (
        pytest.raises(StalledError, match=r"a\.tif: no progress for 0\.2 s.*io_timeout"),
        ReadAhead(stalls(), 2, 0.2, "a.tif") as items,
    ):
        list(items)
    assert time.monotonic() - started < LONG / 2
    answer.set()


def test_a_slow_consumer_is_no_stall() -> None:
    with ReadAhead(iter(range(2)), 1, 1.0, "reading") as items:
        next(items)
        time.sleep(1.2)
        assert list(items) == [1]


def collect(done: list[Any], gate: threading.Event | None = None) -> Any:
    def write(item: Any) -> None:
        if gate is not None:
            gate.wait(LONG)
        done.append(item)

    return write


def test_calls_are_carried_out_in_order_before_the_context_is_left() -> None:
    done: list[int] = []
    with WriteBehind(collect(done), 2, LONG, "writing") as writer:
        for number in range(50):
            writer.put(number)
    assert done == list(range(50))


def test_what_is_computed_is_kept_when_something_else_fails() -> None:
    """Also for Ctrl-C, and though none of it was written by then."""
    for error in (ValueError, KeyboardInterrupt, SystemExit):
        done: list[int] = []
        gate = threading.Event()
        with pytest.raises(error), WriteBehind(collect(done, gate), 3, LONG, "w") as writer:
            for number in range(3):
                writer.put(number)
            assert done == []
            gate.set()
            raise error
        assert done == [0, 1, 2]


def test_no_more_waits_to_be_written_than_is_allowed() -> None:
    done: list[int] = []
    gate = threading.Event()
    with pytest.raises(StalledError), WriteBehind(collect(done, gate), 2, 1.0, "w") as writer:
        put = 0
        try:
            for number in range(10):
                writer.put(number)
                put += 1
        finally:
            assert put == 3, "one is being written, two wait"
            gate.set()


@pytest.mark.parametrize("when", ["put", "exit"])
def test_an_error_of_the_writer_is_raised_once(when: str) -> None:
    raised: list[OSError] = []

    def broken(item: int) -> None:
        raise OSError("full")

    calls = 0
    try:
        with WriteBehind(broken, 2, LONG, "writing") as writer:
            for _ in range(100 if when == "put" else 1):
                writer.put(0)
                calls += 1
    except OSError as error:
        raised.append(error)
    assert [str(error) for error in raised] == ["full"]
    assert raised[0].__context__ is None
    assert calls < 10


def test_when_both_sides_fail_the_error_in_the_block_is_the_one() -> None:
    failed = threading.Event()

    def broken(item: int) -> None:
        failed.set()
        raise OSError("full")

    with pytest.raises(ValueError, match="mine"), WriteBehind(broken, 2, LONG, "w") as writer:
        writer.put(0)
        failed.wait(LONG)
        raise ValueError("mine")


@pytest.mark.parametrize("puts", [1, 9])
def test_a_writer_that_stalls_is_given_up(puts: int) -> None:
    gate = threading.Event()
    started = time.monotonic()
    with (
        pytest.raises(StalledError, match=r"out: no progress for 0\.2 s"),
        WriteBehind(collect([], gate), 2, 0.2, "out") as writer,
    ):
        for number in range(puts):
            writer.put(number)
    assert time.monotonic() - started < LONG / 2
    gate.set()


def test_a_writer_that_is_slow_but_gets_on_is_no_stall() -> None:
    done: list[int] = []

    def slow(item: int) -> None:
        time.sleep(0.3)
        done.append(item)

    with WriteBehind(slow, 4, 1.2, "writing") as writer:  # 5 x 0.3 s to write at the end
        for number in range(5):
            writer.put(number)
    assert done == list(range(5))


def test_within_gives_the_result_or_the_error_or_gives_up() -> None:
    gate = threading.Event()
    assert within(LONG, "opening", lambda: 5) == 5
    assert within(float("inf"), "opening", lambda: 5) == 5
    assert NO_LIMIT > 1e6
    with pytest.raises(ZeroDivisionError):
        within(LONG, "opening", lambda: 1 / 0)
    with pytest.raises(StalledError, match=r"opening: no progress for 0\.1 s"):
        within(0.1, "opening", lambda: gate.wait(LONG))
    gate.set()
