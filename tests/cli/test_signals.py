"""A signal ends a command also where Python swallows exceptions."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from hrpn_tf.cli.signals import TerminatedError, end_by_signals


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM), sys.unraisablehook
    sys.unraisablehook = sys.__unraisablehook__
    end_by_signals()
    end_by_signals()  # once more changes nothing
    yield
    signal.signal(signal.SIGTERM, before[0])
    sys.unraisablehook = before[1]


class _Dying:
    """Gets a signal while it is destroyed, as objects of other packages may at any time."""

    def __init__(self, signum: int) -> None:
        self.signum = signum

    def __del__(self) -> None:
        os.kill(os.getpid(), self.signum)
        for _ in range(1000):  # the handler runs before one of these ends
            pass


@pytest.mark.parametrize(
    ("signum", "error"),
    [(signal.SIGTERM, TerminatedError), (signal.SIGINT, KeyboardInterrupt)],
)
def test_a_signal_within_a_destructor_ends_the_command(
    signum: int, error: type[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error):  # noqa: PT012 (it comes between the two)
        _Dying(signum)
        time.sleep(5)
    assert capfd.readouterr().err == ""


def test_other_lost_exceptions_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("lost")

    Broken()
    assert "ValueError: lost" in capfd.readouterr().err
