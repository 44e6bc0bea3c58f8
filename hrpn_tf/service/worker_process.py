"""The server's side of a process that predicts."""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hrpn_tf.errors import ServiceError, WorkerLostError
from hrpn_tf.service import WORKER
from hrpn_tf.service.record import Problem

logger = logging.getLogger(__name__)

_LONGEST_LINE = 2**20
_START_SECONDS = 900.0  # to try the runtimes, and to load a network from a slow drive
_KILL_SECONDS = 5.0


@dataclass(frozen=True)
class Ready:
    """What a process says of its network.

    Attributes:
        contract: fields of its contract.
        origin: its identity; ``sha256`` is its checksum.
        caution: warning for predictions with it; None if there is none.
        runtime: name and version of what runs it.
        why: which runtime it is, and why, in one line; empty if one was asked for.
        network: ``format``, ``precision`` and ``runtime`` that are settled.
    """

    contract: dict[str, Any]
    origin: dict[str, str]
    caution: str | None
    runtime: str
    why: str
    network: dict[str, str]

    @property
    def ran_by(self) -> str:
        """The runtime with its version, and what of the bundle it runs."""
        return f"{self.runtime} ({self.network['format']} {self.network['precision']})"


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        problem: why it failed; None if it did not.
        summary: of the prediction, in one line.
        stopped: whether the process was asked to stop, and kept what it had.
        again: whether it is worth another attempt.
    """

    problem: Problem | None = None
    summary: str = ""
    stopped: bool = False
    again: bool = False


@dataclass
class WorkerProcess:
    """A process that loads a network once and predicts one job after another.

    Attributes:
        order: the first request: the network, and overrides of the configuration.
        grace_seconds: time to finish the running tile when it is stopped.
        process: while it runs.
        used: whether the process has had a job.
    """

    order: dict[str, Any]
    grace_seconds: float
    process: asyncio.subprocess.Process | None = None
    used: bool = False
    _stopping: bool = field(default=False, repr=False)

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.returncode is None

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called since the process was started."""
        return self._stopping

    async def start(self) -> Ready:
        """Start the process, and wait until its network is loaded.

        Raises:
            ServiceError: the network cannot be loaded, or :meth:`stop` was called meanwhile.
        """
        self._stopping = self.used = False
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", WORKER,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LONGEST_LINE,
            start_new_session=True,  # Ctrl-C in a terminal is for the server
        )  # fmt: skip
        try:
            if self._stopping:  # asked for while the system made the process
                raise ServiceError("the process was stopped while it started")
            await self._send(self.order)
            event = await asyncio.wait_for(self._event(), _START_SECONDS)
            while event is not None and event["event"] == "warning":
                logger.warning(event["text"])
                event = await asyncio.wait_for(self._event(), _START_SECONDS)
        except TimeoutError:
            await self.stop()
            raise ServiceError("the network was not loaded within 15 minutes") from None
        except BaseException:
            await self.stop()
            raise
        if event is not None and event["event"] == "ready":
            return Ready(**{name: value for name, value in event.items() if name != "event"})
        code = await self._ended()
        if event is None or event["event"] != "failed":
            raise ServiceError(f"the process that loads the network ended ({_reason(code)})")
        problem = Problem.model_validate(event["problem"])
        error = ServiceError(problem.message)
        error.exit_code = 2 if problem.mine else 1
        raise error

    async def predict(
        self, job: dict[str, Any], on_event: Callable[[dict[str, Any]], object]
    ) -> Outcome:
        """Predict one job.

        Args:
            job: slide, result, wish and the folders that may be read.
            on_event: called with each report of progress and each warning.

        Raises:
            WorkerLostError: the process died.
        """
        self.used = True
        with contextlib.suppress(ConnectionError):  # noticed below
            await self._send(job)
        while (event := await self._event()) is not None:
            kind = event["event"]
            if kind == "done":
                return Outcome(summary=event["summary"])
            if kind == "failed":
                return Outcome(problem=Problem.model_validate(event["problem"]))
            if kind == "stopped":
                await self._ended()
                return Outcome(stopped=True)
            on_event(event)
        code = await self._ended()
        if self._stopping:
            return Outcome(stopped=True)
        raise WorkerLostError(f"the process that predicted it ended ({_reason(code)})")

    async def stop(self) -> None:
        """End the process after its running tile, or without it if that takes too long."""
        self._stopping = True
        await self.end()

    async def end(self) -> None:
        """The same for a process that is to be started again; see :attr:`stopped`."""
        process = self.process
        if process is None or not self.runs:
            return
        if process.stdin is not None:
            process.stdin.close()
        for sign, seconds in (
            (signal.SIGTERM, self.grace_seconds),
            (signal.SIGTERM, _KILL_SECONDS),
            (signal.SIGKILL, _KILL_SECONDS),
        ):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sign)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), seconds)
                return

    async def _send(self, values: dict[str, Any]) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(values).encode() + b"\n")
        await self.process.stdin.drain()

    async def _event(self) -> dict[str, Any] | None:
        """The next event; None at the end of the process."""
        assert self.process is not None
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if not line.endswith(b"\n"):
            return None
        event: dict[str, Any] = json.loads(line)
        return event

    async def _ended(self) -> int:
        assert self.process is not None
        return await self.process.wait()


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    killed = ": out of memory, or killed by hand" if -code == signal.SIGKILL else ""
    return f"{signal.Signals(-code).name}{killed}"
