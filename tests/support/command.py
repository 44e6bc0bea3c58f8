"""``hrpn-tf``, in this process or in one of its own."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from hrpn_tf.cli.main import run


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote to standard output and standard error."""

    exit_code: int
    out: str
    err: str


class _Recorded(io.TextIOWrapper):
    """A stream as a process has it, which takes text and, by its buffer, bytes."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="", write_through=True)

    def text(self) -> str:
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


@contextmanager
def _recorded() -> Iterator[tuple[_Recorded, _Recorded]]:
    """What is printed within; it is then passed on: to ``capsys``, or to pytest's report."""
    out, err = _Recorded(), _Recorded()
    try:
        with redirect_stdout(out), redirect_stderr(err):
            yield out, err
    finally:
        sys.stdout.write(out.text())
        sys.stderr.write(err.text())


def hrpn_tf(*arguments: object) -> Ended:
    """Run a command line in this process, where a test can replace parts of the program.

    Example:
        assert hrpn_tf("export", run, "--out", tmp_path / "bundle").exit_code == 0
    """
    with _recorded() as (out, err), pytest.raises(SystemExit) as stop:
        run([str(argument) for argument in arguments])
    code = stop.value.code
    assert isinstance(code, int), "hrpn-tf ends with an exit code"
    return Ended(code, out.text(), err.text())


def hrpn_tf_apart(*arguments: object, cwd: Path | None = None, **variables: str) -> Ended:
    """Run a command line in a process of its own, with these environment variables added."""
    script = "import sys; from hrpn_tf.cli.main import run; run(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "100", **variables},
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
