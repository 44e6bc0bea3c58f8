"""Tasks of a cohort: each may run twice, on any worker, and none is in another's way."""

import os
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hrpn_export import Contract
from support.processes import files
from support.run_folder import predict

from hrpn_tf.errors import OutputExistsError
from hrpn_tf.prediction import output, slide_prediction, unfinished
from hrpn_tf.prediction.unfinished import Unfinished
from hrpn_tf.runs import open_run
from hrpn_tf.workflows.networks import network as networks
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.cluster import tasks
from hrpn_tf.workflows.predict.cluster.tasks import WorkerLimits, begin, compute, finish
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.jobs import check
from hrpn_tf.workflows.predict.options import PredictionOptions
from hrpn_tf.workflows.predict.requests import Request

LIMITS = WorkerLimits(tasks.__version__, None)
FORMATS = pytest.mark.parametrize("suffix", [".ome.tif", ".ome.zarr"])


class KilledError(Exception):
    """Stands for a worker that died at this point."""


@pytest.fixture(autouse=True)
def worker(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    worker = SimpleNamespace(name=1, address="tcp://w", state=SimpleNamespace(nthreads=1))
    monkeypatch.setattr(tasks, "_worker", lambda: worker)
    return worker


def job(run: Path, name: str, overwrite: bool = False) -> SlideJob:
    request = Request(run.parent / "a.ome.tif", run.parent / "out" / name, {}, None)
    opened = open_run(run)
    contract = Contract.from_json((run / "contract.json").read_text())
    found = check(
        request, RunNetwork(opened), contract, opened.config, PredictionOptions(), overwrite
    )
    Unfinished(found.out).folder.mkdir(parents=True, exist_ok=True)  # as the cohort does
    return found


def expected(run: Path, name: str) -> dict[str, bytes]:
    alone = run.parent / "alone" / name
    assert predict(run, run.parent / "a.ome.tif", "--out", alone) == 0
    return files(alone.parent)


def killed(*arguments: object, **options: object) -> None:
    raise KilledError


@FORMATS
def test_every_task_may_run_twice(run: Path, suffix: str) -> None:
    one = job(run, f"qd{suffix}")
    begun = begin(one, LIMITS, False)
    assert begin(one, LIMITS, False) == begun
    assert len(begun.left) > 8
    compute(one, LIMITS, begun, begun.left[:3])
    assert begin(one, LIMITS, False).left == begun.left[3:]
    compute(one, LIMITS, begun, begun.left)
    assert begin(one, LIMITS, False).left == ()
    finish(one, LIMITS, begun, False)
    finish(one, LIMITS, begun, False)
    assert files(one.out.parent) == expected(run, one.out.name)


def test_blocks_that_are_there_are_not_computed_again(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = job(run, "qd.ome.tif")
    begun = begin(one, LIMITS, False)
    compute(one, LIMITS, begun, begun.left[:5])
    asked: list[list[int]] = []
    prediction = slide_prediction.SlidePrediction
    monkeypatch.setattr(
        prediction, "compute", lambda self, begun, left, advance: asked.append(left) or 0.0
    )
    compute(one, LIMITS, begun, begun.left[2:8])
    assert asked == [list(begun.left[5:8])]


@FORMATS
@pytest.mark.parametrize(
    ("place", "name"), [(unfinished, "remove"), (output, "remove"), (output, "move")]
)
def test_a_worker_that_dies_while_it_finishes(
    run: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, place: Any, name: str
) -> None:
    """Before or after the result gets its name, or while the rest is removed."""
    one = job(run, f"qd{suffix}")
    begun = begin(one, LIMITS, False)
    compute(one, LIMITS, begun, begun.left)
    with monkeypatch.context() as patch:
        patch.setattr(place, name, killed)
        if not (place is output and (name == "remove") == (suffix == ".ome.zarr")):
            with pytest.raises(KilledError):
                finish(one, LIMITS, begun, False)
    finish(one, LIMITS, begun, False)
    found = files(one.out.parent)
    assert found == expected(run, one.out.name)
    assert not any(Unfinished(one.out).folder.iterdir())


@FORMATS
def test_what_is_to_be_replaced_is_replaced(run: Path, suffix: str) -> None:
    """Even if it looks the same, as a prediction of another region does."""
    name = f"qd{suffix}"
    out = run.parent / "out" / name
    assert predict(run, run.parent / "a.ome.tif", "--out", out, "--region", "0,0,64,64") == 0
    one = job(run, name, overwrite=True)
    begun = begin(one, LIMITS, True)
    compute(one, LIMITS, begun, begun.left)
    with pytest.raises(OutputExistsError):
        finish(one, LIMITS, _of_another_slide(begun), False)
    finish(one, LIMITS, begun, True)
    finish(one, LIMITS, begun, True)
    assert files(one.out.parent) == expected(run, name)


def _of_another_slide(begun: Any) -> Any:
    origin = {**begun.record.origin, "input": {"name": "b.ome.tif"}}
    return replace(begun, record=replace(begun.record, origin=origin))


def test_a_late_worker_cannot_write_into_what_was_begun_anew(run: Path) -> None:
    """The command was stopped and given again with other settings; a worker has not heard of it."""
    one = job(run, "qd.ome.zarr")
    old = begin(one, LIMITS, False)
    prediction = one.config.prediction.model_copy(update={"dtype": "uint8"})
    other = replace(one, config=one.config.model_copy(update={"prediction": prediction}))
    new = begin(other, LIMITS, True)
    with suppress(Exception):  # whatever it meets in a folder that is gone
        compute(one, LIMITS, old, old.left)
    assert begin(other, LIMITS, False) == new, "nothing of the new prediction is finished"
    compute(other, LIMITS, new, new.left)
    finish(other, LIMITS, new, False)
    assert not any(Unfinished(one.out).folder.iterdir())
    alone = run.parent / "alone" / one.out.name
    assert predict(run, run.parent / "a.ome.tif", "--out", alone, "--dtype", "uint8") == 0
    assert files(one.out) == files(alone)


def test_tasks_and_their_results_are_small(run: Path) -> None:
    """A scheduler holds them all, and each goes over the network."""
    one = job(run, "qd.ome.tif")
    begun = replace(begin(one, LIMITS, False), left=())
    assert len(pickle.dumps((one, LIMITS, begun))) < 20_000
    assert len(pickle.dumps(compute(one, LIMITS, begun, [0]))) < 500


def test_one_task_at_a_time(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask gives a worker of several threads several tasks; each takes all of its memory."""
    inside, most = [0], [0]
    enough = threading.Event()

    @contextmanager
    def opened(*arguments: object) -> Iterator[Any]:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        enough.wait(0.05)
        try:
            raise KilledError
            yield None
        finally:
            inside[0] -= 1

    one = job(run, "qd.ome.tif")
    monkeypatch.setattr(tasks, "opened", opened)

    def task() -> None:
        with pytest.raises(KilledError):
            begin(one, LIMITS, False)

    threads = [threading.Thread(target=task) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


@pytest.mark.parametrize(("said", "given", "used"), [(None, 8, 8), (None, 1, None), (3, 1, 3)])
def test_threads_are_those_that_dask_gives(
    run: Path,
    monkeypatch: pytest.MonkeyPatch,
    worker: SimpleNamespace,
    said: int | None,
    given: int,
    used: int | None,
) -> None:
    one, asked = job(run, "qd.ome.tif"), list[int | None]()
    worker.state.nthreads = given

    def load(run: networks.Network, threads: int | None) -> Any:
        asked.append(threads)
        return networks.load_network(run)

    monkeypatch.setattr(tasks, "load_network", load)
    begin(one, replace(LIMITS, threads=said), False)
    assert asked == [used]


def test_workers_share_out_the_gpus(
    run: Path, monkeypatch: pytest.MonkeyPatch, worker: SimpleNamespace
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    worker.name = 5
    begin(job(run, "qd.ome.tif"), replace(LIMITS, gpus=("3", "GPU-7")), False)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "GPU-7"
