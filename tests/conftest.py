"""Fixtures that every room's tests share."""

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from support.browser import chromium
from support.places import SHARED

from hrpn_tf.console import terminal_log

# How long an example takes says more about the machine's load than about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_collection() -> None:
    """Imports make many objects and no garbage: looking for it takes a third of their time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end, and are not looked at again by each collection."""
    gc.freeze()
    gc.enable()


@pytest.fixture
def terminal() -> Iterator[None]:
    """The log handler of the command line, for tests that call the library below it."""
    with terminal_log():
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images kept beside the checkout; the test is skipped where they are not."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the real images (../shared/data) are not here")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, started once for a file; the test is skipped with a reason where there is none.

    Not once for all: as long as Playwright is there, this thread has a running event loop, and
    ``asyncio.run`` refuses.
    """
    with chromium() as started:
        yield started


@pytest.fixture
def memory_grows_less_than() -> Callable[[int], AbstractContextManager[None]]:
    """A context in which the peak of resident memory must grow by less than so many bytes."""

    def status(name: str) -> int:
        text = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(text.split(f"{name}:")[1].split()[0])

    @contextmanager
    def growth(limit: int) -> Iterator[None]:
        Path("/proc/self/clear_refs").write_text(
            "5", encoding="utf-8"
        )  # forgets the peak of the tests before
        before = status("VmRSS")
        yield
        assert status("VmHWM") - before < limit

    return growth
