"""A virtual display with OpenGL in software, for tests that open real windows."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import pytest


@contextmanager
def virtual_display(*options: str) -> Iterator[str]:
    """The name of a display of Xvfb, such as ``:3``; the test is skipped where there is none.

    Args:
        options: more options of Xvfb.
    """
    if shutil.which("Xvfb") is None:
        pytest.skip("no virtual display: Xvfb is not installed (Debian: xvfb, libgl1-mesa-dri)")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1500x950x24", "-nolisten", "tcp"]
    server = subprocess.Popen(
        [*command, *options], pass_fds=(write,), stderr=subprocess.DEVNULL, env={"PATH": os.defpath}
    )
    os.close(write)
    try:
        with os.fdopen(read, encoding="ascii") as answer:
            number = answer.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def needs_napari() -> None:
    """Skip the test where the extra napari is not installed."""
    if find_spec("napari") is None or find_spec("qtpy") is None:
        pytest.skip("napari is not installed: make napari")
