"""Which tasks a cohort gives out and when, on a cluster that runs nothing."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hrpn_tf.config import load_config
from hrpn_tf.errors import ClusterError, SlideFormatError
from hrpn_tf.prediction import Frame, Region, StartedPrediction, plan_tiling
from hrpn_tf.prediction.change import FileStates
from hrpn_tf.prediction.planning import TilePlan
from hrpn_tf.prediction.started import StartRecord
from hrpn_tf.prediction.unfinished import Unfinished
from hrpn_tf.runs import Run
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.cluster import scheduling as cohort
from hrpn_tf.workflows.predict.cluster import tasks
from hrpn_tf.workflows.predict.cluster.scheduling import ClusterScheduler
from hrpn_tf.workflows.predict.cluster.tasks import BlockTiming, WorkerLimits
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.options import Execution

SIDE, TILE = 300, 64
TILING = plan_tiling(
    Region(0, 0, SIDE, SIDE), tile=TILE, stride_multiple=4, receptive_field=9, halo=None
)
CONFIG = load_config()
RECORD = StartRecord({}, "work")


class Future:
    def __init__(self, run: Callable[[], Any]) -> None:
        self.run = run

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self.callback = callback


class FakeCluster:
    """Finishes tasks in random order, each time when the cohort has nothing else to do."""

    def __init__(self, workers: int, seconds: float = 1.0, seed: int = 0) -> None:
        self.limits = WorkerLimits("1", None)
        self.count, self.seconds = workers, seconds
        self.random = random.Random(seed)
        self.waiting: list[Future] = []
        self.computed: Counter[tuple[str, int]] = Counter()
        self.parts: list[int] = []
        self.open: set[str] = set()
        self.finished: list[str] = []
        self.most_open = self.most_tasks = 0
        self.broken: dict[tuple[str, str], Exception] = {}

    def submit(
        self, task: Callable[..., Any], job: SlideJob, *arguments: Any, priority: int
    ) -> Future:
        name = job.slide.name
        if task is tasks.begin:
            self.open.add(name)
            self.most_open = max(self.most_open, len(self.open))
        future = Future(lambda: self._run(task.__name__, name, arguments[1:]))
        self.waiting.append(future)
        self.most_tasks = max(self.most_tasks, len(self.waiting))
        return future

    def result(self, future: Future) -> Any:
        return future.run()

    def workers(self) -> int:
        return self.count

    def check(self) -> None:
        """Called when the cohort waits."""
        if not self.waiting:
            raise AssertionError("the cohort waits for nothing")
        future = self.waiting.pop(self.random.randrange(len(self.waiting)))
        future.callback(future)

    def _run(self, task: str, name: str, arguments: Sequence[Any]) -> Any:
        if (task, name) in self.broken:
            self.open.discard(name)
            raise self.broken[task, name]
        if task == "begin":
            plan = TilePlan(TILING, 1, 1, 0)
            return StartedPrediction(plan, RECORD, FileStates(()), tuple(range(len(TILING))))
        if task == "compute":
            self.parts.append(len(arguments[1]))
            self.computed.update((name, index) for index in arguments[1])
            return BlockTiming(self.seconds * len(arguments[1]), self.seconds / 2, 1000)
        every = {(name, index) for index in range(len(TILING))}
        assert every <= set(self.computed), "finished before all blocks are"
        self.open.discard(name)
        self.finished.append(name)
        return None


@pytest.fixture(autouse=True)
def _never_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "_PATIENCE_SECONDS", 0.0)


RUN = Run(Path("run"), load_config())


def jobs(folder: Path, count: int) -> list[SlideJob]:
    frame = Frame(0.5, 0, 1.0, 1.0)
    return [
        SlideJob(Path(f"s{i}"), folder / f"s{i}", RunNetwork(RUN), CONFIG, (0, 1), {},
            frame, SIDE * SIDE, None, None)
        for i in range(count)
    ]  # fmt: skip


def predict(cluster: FakeCluster, all_jobs: list[SlideJob]) -> tuple[dict[str, str], list[str]]:
    said: list[str] = []
    failures = ClusterScheduler(cluster, Execution(progress=False, on_done=said.append)).run(
        all_jobs
    )
    return {slide.name: str(error) for slide, error in failures}, said


@pytest.mark.parametrize("workers", [1, 3])
def test_only_a_few_slides_are_begun_at_a_time(tmp_path: Path, workers: int) -> None:
    cluster = FakeCluster(workers)
    failures, said = predict(cluster, jobs(tmp_path, 200))
    assert failures == {}
    assert sorted(cluster.finished) == sorted(f"s{i}" for i in range(200))
    assert workers < cluster.most_open <= 2 * workers + 1
    assert cluster.most_tasks <= 2 * workers + 1
    assert set(cluster.computed.values()) == {1}, "no block twice"
    assert len(cluster.computed) == 200 * len(TILING)
    assert len(said) == 201
    assert said[-1].startswith("200 slides done: 18.0 Mpx")
    assert list(tmp_path.iterdir()) == [], "no lock is left"


def test_open_files_do_not_follow_the_workers(tmp_path: Path) -> None:
    cluster = FakeCluster(10_000)
    failures, _ = predict(cluster, jobs(tmp_path, 400))
    assert failures == {}
    assert cluster.most_open == 256
    assert len(cluster.finished) == 400


def test_workers_that_come_later_get_work(tmp_path: Path) -> None:
    cluster = FakeCluster(1)
    check = cluster.check

    def grow() -> None:
        if len(cluster.finished) == 5 and cluster.count == 1:
            assert cluster.most_tasks <= 3
            cluster.count = 20
        check()

    cluster.check = grow  # type: ignore[method-assign]
    predict(cluster, jobs(tmp_path, 50))
    assert cluster.most_tasks == 41


@pytest.mark.parametrize(("seconds", "largest"), [(60.0, 1), (5.0, 4), (0.001, 8)])
def test_parts_grow_to_about_twenty_seconds(tmp_path: Path, seconds: float, largest: int) -> None:
    cluster = FakeCluster(1, seconds)
    predict(cluster, jobs(tmp_path, 3))
    assert (min(cluster.parts), max(cluster.parts)) == (1, pytest.approx(largest, abs=1))


@pytest.mark.parametrize("task", ["begin", "compute", "finish"])
def test_a_slide_that_fails_does_not_stop_the_others(tmp_path: Path, task: str) -> None:
    for seed in range(5):
        cluster = FakeCluster(2, seed=seed)
        cluster.broken[task, "s3"] = SlideFormatError("s3: truncated")
        failures, said = predict(cluster, jobs(tmp_path, 8))
        assert failures == {"s3": "s3: truncated"}
        assert sorted(cluster.finished) == sorted(f"s{i}" for i in range(8) if i != 3)
        assert said[-1].startswith("7 slides done")
        assert list(tmp_path.iterdir()) == []


def test_what_late_workers_wrote_of_a_slide_that_was_given_up_is_removed(tmp_path: Path) -> None:
    cluster = FakeCluster(2)
    late = Unfinished(tmp_path / "s0").work("work-1").folder
    run = cluster._run

    def leave(task: str, name: str, arguments: Sequence[Any]) -> Any:
        if task == "compute" and name == "s0":
            late.mkdir(parents=True, exist_ok=True)
            raise SlideFormatError("s0: truncated")
        return run(task, name, arguments)

    cluster._run = leave  # type: ignore[method-assign]
    failures, _ = predict(cluster, jobs(tmp_path, 2))
    assert failures == {"s0": "s0: truncated"}
    assert not late.parent.exists()


def test_any_error_of_a_task_is_a_reason(tmp_path: Path) -> None:
    cluster = FakeCluster(2)
    cluster.broken["compute", "s1"] = ZeroDivisionError("by zero")
    assert predict(cluster, jobs(tmp_path, 3))[0] == {"s1": "by zero"}


def test_a_cluster_that_is_gone_ends_everything(tmp_path: Path) -> None:
    cluster = FakeCluster(2)
    cluster.broken["compute", "s1"] = ClusterError("gone")
    with pytest.raises(ClusterError, match="gone"):
        predict(cluster, jobs(tmp_path, 9))
    assert len(cluster.finished) < 8
    with Unfinished(tmp_path / "s1").held():
        pass  # not locked any more


def test_a_slide_that_somebody_else_predicts_is_refused(tmp_path: Path) -> None:
    cluster = FakeCluster(1)
    all_jobs = jobs(tmp_path, 3)
    with Unfinished(all_jobs[1].out).held():
        failures, _ = predict(cluster, all_jobs)
    assert list(failures) == ["s1"]
    assert "another process is working there" in failures["s1"]
    assert sorted(cluster.finished) == ["s0", "s2"]


@pytest.mark.usefixtures("terminal")
def test_waiting_for_workers_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster = FakeCluster(1)
    check, patience = cluster.check, [3]

    def nobody() -> None:
        cluster.count = 0 if patience[0] else 1
        if patience[0]:
            patience[0] -= 1
            return
        check()

    cluster.check = nobody  # type: ignore[method-assign]
    assert predict(cluster, jobs(tmp_path, 2))[0] == {}
    assert capsys.readouterr().err.splitlines() == [
        "hrpn-tf: the cluster has no workers now; waiting for some"
    ]
