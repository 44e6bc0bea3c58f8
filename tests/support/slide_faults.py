"""Faults in the middle of a prediction, and what it says of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hrpn_tf.slides.tiff.reader import TiffSlide


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error, behind what the progress bar left there."""
    said = capsys.readouterr().err.replace("\r", "\n").splitlines()
    errors = [line for line in said if line.startswith("hrpn-tf: ")]
    assert len(errors) == 1, said
    assert "Traceback" not in "".join(said)
    return errors[0]


@contextmanager
def at_read(
    monkeypatch: pytest.MonkeyPatch, number: int, happens: Callable[[], object]
) -> Iterator[None]:
    """Something happens when the command reads a window of the slide for the n-th time."""
    real, count = TiffSlide.read, [0]

    def read(self: TiffSlide, *window: object, **more: object) -> object:
        count[0] += 1
        if count[0] == number:
            happens()
        return real(self, *window, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(TiffSlide, "read", read)
        yield
    assert count[0] >= number
