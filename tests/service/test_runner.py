"""How a job ends, with a process that only pretends to predict."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hrpn_tf.errors import MemoryBudgetError, ServiceError
from hrpn_tf.service import worker_process
from hrpn_tf.service.record import Job, Problem, Record
from hrpn_tf.service.runner import Runner, outcome_of
from hrpn_tf.service.wishes import Wish
from hrpn_tf.service.worker_process import Outcome, Ready, WorkerProcess

NO_ROOM = Outcome(Problem.of(MemoryBudgetError("needs more")))


class Pretended(WorkerProcess):
    """A process with given outcomes, which counts how often it is started."""

    def __init__(self, *outcomes: Outcome | float, used: bool) -> None:
        super().__init__({}, 1.0, used=used)
        self.outcomes, self.starts, self.there = list(outcomes), 0, used

    @property
    def runs(self) -> bool:
        return self.there

    async def start(self) -> Any:
        self.starts, self.there, self.used = self.starts + 1, True, False

    async def end(self) -> None:
        self.there = False

    async def predict(
        self, job: dict[str, Any], on_event: Callable[[dict[str, Any]], object]
    ) -> Outcome:
        self.used = True
        found = self.outcomes.pop(0)
        if isinstance(found, float):
            await asyncio.sleep(found)
        assert isinstance(found, Outcome)
        return found


def ended(worker: Pretended) -> Outcome:
    record = Record(name="a.tif", input="a.tif", wish=Wish(), network="0")
    return asyncio.run(outcome_of(Job("0", Path("0"), record), worker, {}, 0.05))


def test_what_a_used_process_has_no_memory_for_is_tried_in_a_new_one() -> None:
    worker = Pretended(NO_ROOM, Outcome(summary="done"), used=True)
    assert ended(worker).summary == "done"
    assert worker.starts == 1


def test_what_a_new_process_has_no_memory_for_fails() -> None:
    worker = Pretended(NO_ROOM, used=False)
    assert ended(worker) == NO_ROOM
    worker = Pretended(NO_ROOM, NO_ROOM, used=True)
    assert ended(worker) == NO_ROOM
    assert not worker.outcomes


def test_a_job_is_not_tried_again_if_the_service_stops_meanwhile() -> None:
    class Slow(Pretended):
        async def end(self) -> None:
            await asyncio.sleep(0.1)
            self.there = False

    async def stopped(worker: Slow) -> Outcome:
        record = Record(name="a.tif", input="a.tif", wish=Wish(), network="0")
        job = asyncio.create_task(outcome_of(Job("0", Path("0"), record), worker, {}, 1.0))
        await asyncio.sleep(0.05)
        await worker.stop()
        return await job

    worker = Slow(NO_ROOM, Outcome(summary="done"), used=True)
    assert asyncio.run(stopped(worker)) == Outcome(stopped=True)
    assert worker.starts == 0


def test_a_job_that_is_late_ends_its_process() -> None:
    worker = Pretended(5.0, used=True)
    found = ended(worker)
    assert found.problem is not None
    assert found.problem.error == "JobTimeoutError"
    assert not worker.there


@pytest.mark.parametrize("when", ["start", "predict"])
@pytest.mark.parametrize(
    ("error", "name"),
    [
        (OSError(12, "Cannot allocate memory"), "OSError"),
        (ValueError("Separator is not found, and chunk exceed the limit"), "ValueError"),
    ],
)
def test_a_process_that_cannot_be_started_or_read_fails_the_job_alone(
    error: Exception, name: str, when: str
) -> None:
    class Broken(Pretended):
        pass

    async def fail(*_: object) -> Any:
        raise error

    setattr(Broken, when, fail)

    ends: list[Problem | None] = []
    runner = Runner(SimpleNamespace(limits=SimpleNamespace(seconds=1.0), allow=[]))  # type: ignore[arg-type]
    runner._store = SimpleNamespace(  # type: ignore[assignment]
        stopping=False,
        save=lambda job: None,
        end=lambda job, problem, summary: ends.append(problem),
    )
    job = Job("0", Path("0"), Record(name="a.tif", input="a.tif", wish=Wish(), network="0"))
    worker = Broken(used=False)
    asyncio.run(runner._run(job, worker))
    (problem,) = ends
    assert not worker.there, "it is started anew, since it may still say something of this job"
    assert problem is not None
    assert problem.error == name


def test_a_process_that_is_stopped_while_it_is_made_does_not_predict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make = asyncio.create_subprocess_exec

    async def slowly(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(0.2)
        return await make(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", slowly)

    async def stopped() -> WorkerProcess:
        worker = WorkerProcess({}, 1.0)
        starting = asyncio.create_task(worker.start())
        await asyncio.sleep(0.05)
        await worker.stop()
        with pytest.raises(ServiceError, match="stopped while it started"):
            await starting
        return worker

    assert not asyncio.run(stopped()).runs


def test_warnings_of_a_process_that_loads_the_network_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("contract", "origin", "caution", "runtime", "why", "network")
    events = (
        {"event": "warning", "text": "openvino cannot be loaded; another is taken"},
        {"event": "ready", **dict.fromkeys(names), "runtime": "onnxruntime 1.0"},
    )
    lines = [f"print({json.dumps(event)!r})\n" for event in events]
    (tmp_path / "pretended_worker.py").write_text("".join(lines))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(worker_process, "WORKER", "pretended_worker")

    async def started() -> Ready:
        worker = WorkerProcess({}, 1.0)
        try:
            return await worker.start()
        finally:
            await worker.stop()

    assert asyncio.run(started()).runtime == "onnxruntime 1.0"
    assert caplog.messages == ["openvino cannot be loaded; another is taken"]
