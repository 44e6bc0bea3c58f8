"""``hrpn-tf predict``, ``dask scheduler`` and ``dask worker`` as processes of their own."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.places import TESTS

SECONDS = 120.0


def wait_for(what: Callable[[], object], seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def wait_for_file(path: Path, process: subprocess.Popen) -> None:
    """Wait for a file that a process, which must not end before, is going to make."""
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def environment(**more: str) -> dict[str, str]:
    """That of a process which imports ``support``, as pytest does."""
    return {**os.environ, "PYTHONPATH": str(TESTS), **more}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def files(folder: Path) -> dict[str, bytes]:
    """Content of each file, by its name within the folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def results(out: Path) -> list[str]:
    """Names of finished predictions in a folder."""
    return sorted(path.name for path in out.iterdir() if not path.name.startswith("."))


def finished_blocks(out: Path) -> int:
    """Of all unfinished predictions in a folder."""
    journals = out.glob(".unfinished-*/work-*/finished/*.txt")
    return sum(path.read_text().count("\n") for path in journals)


class Command:
    """``hrpn-tf predict`` in a process group of its own, as a shell starts it."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.out, self.err = folder / "stdout.txt", folder / "stderr.txt"
        self.scratch = folder / "scratch"
        self.scratch.mkdir(exist_ok=True)
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hrpn_tf.cli.main", "predict", *map(str, arguments)],
                stdout=out,
                stderr=err,
                cwd=self.scratch,
                # TensorFlow compiles functions in TMPDIR, and leaves their bytecode there.
                env={
                    **os.environ,
                    "TMPDIR": str(self.scratch),
                    "PYTHONDONTWRITEBYTECODE": "1",
                },
                start_new_session=True,
            )

    def wait(self, seconds: float = SECONDS) -> int:
        return self.process.wait(seconds)

    def interrupt(self) -> None:
        """As Ctrl-C does: the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def said(self) -> list[str]:
        """Lines on standard error but the progress bar, and that these runs have no profile."""
        lines = re.split(r"[\r\n]", self.err.read_text())
        beside = ("px/s]", "has no training profile")
        return [line for line in lines if line.strip() and not any(text in line for text in beside)]

    def members(self) -> set[int]:
        """Processes of its group that are there now."""
        found = set()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == self.process.pid and state != "Z":
                found.add(int(stat.parent.name))
        return found


class Cluster:
    """A scheduler, and workers that are started and killed one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.workers = folder, list[subprocess.Popen[bytes]]()
        self.address = f"tcp://127.0.0.1:{free_port()}"
        port = self.address.rpartition(":")[2]
        self.scheduler = self._dask("scheduler", "--host", "127.0.0.1", "--port", port,
                                    "--dashboard-address", "127.0.0.1:0")  # fmt: skip

    def need(self, workers: int) -> None:
        """Let at least so many workers run."""
        while sum(worker.poll() is None for worker in self.workers) < workers:
            options = ("--no-nanny", "--nthreads", "2", "--no-dashboard")
            own = ("--local-directory", str(self.folder), "--death-timeout", "60")
            self.workers.append(self._dask("worker", self.address, *options, *own))

    def kill_worker(self) -> None:
        """One that runs."""
        alive = next(worker for worker in self.workers if worker.poll() is None)
        alive.kill()
        alive.wait()

    def _dask(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.folder / "dask.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip

    def stop(self) -> None:
        everybody: Sequence[subprocess.Popen[bytes]] = [*self.workers, self.scheduler]
        for process in everybody:
            process.kill()
        for process in everybody:
            process.wait()


@contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        yield cluster
    finally:
        cluster.stop()
