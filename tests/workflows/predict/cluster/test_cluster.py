"""Clusters that cannot be used, and the one on this machine."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ByteSize
from support.processes import Command, files, finished_blocks, free_port, results, wait_for
from support.run_folder import predict, write
from support.worker_calls import used_threads

from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import ClusterError, MemoryBudgetError
from hrpn_tf.workflows.predict.cluster import dask_cluster as cluster
from hrpn_tf.workflows.predict.cluster import tasks
from hrpn_tf.workflows.predict.cluster.tasks import WorkerLimits, check_worker
from hrpn_tf.workflows.predict.options import Execution


@pytest.fixture
def scheduler() -> Iterator[Any]:
    """A scheduler in this process; workers can be added."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=0, processes=False, dashboard_address="127.0.0.1:0") as running:
        yield running


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 2)


def refused(run: Path, address: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a command says which cannot use a cluster."""
    slides = [run.parent / "a.ome.tif", run.parent / "b.ome.tif"]
    capsys.readouterr()
    began = time.monotonic()
    assert predict(run, *slides, "--out", run.parent / "out", "--scheduler", address) == 1
    assert time.monotonic() - began < 60
    [line] = capsys.readouterr().err.splitlines()
    assert not (run.parent / "out").exists()
    return line


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (None, "no Dask scheduler answers"),
        ("tls://127.0.0.1:1", "no Dask scheduler answers"),
        ("udp://127.0.0.1:1", "no Dask scheduler answers"),
        ("localhost:none", "no Dask scheduler answers"),
    ],
)
def test_nobody_there(
    run: Path, capsys: pytest.CaptureFixture[str], address: str | None, reason: str
) -> None:
    address = address or f"tcp://127.0.0.1:{free_port()}"
    line = refused(run, address, capsys)
    assert line.startswith(f"hrpn-tf: --scheduler {address}: {reason}")


def test_no_workers(run: Path, capsys: pytest.CaptureFixture[str], scheduler: Any) -> None:
    line = refused(run, scheduler.scheduler_address, capsys)
    assert "it has no workers yet; start some first" in line


def test_workers_of_another_version(
    run: Path,
    capsys: pytest.CaptureFixture[str],
    scheduler: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler.scale(1)
    monkeypatch.setattr(tasks, "__version__", "0.0.9")
    line = refused(run, scheduler.scheduler_address, capsys)
    assert re.search(r"worker \S+ has hrpn-tf 0\.0\.9, here it is \d.*; install the same", line)


def test_workers_without_the_package(
    run: Path,
    capsys: pytest.CaptureFixture[str],
    scheduler: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scheduler.scale(1)

    def absent(*arguments: object, **options: object) -> None:
        raise ModuleNotFoundError("No module named 'hrpn_tf'")

    monkeypatch.setattr(tasks, "check_worker", absent)
    line = refused(run, scheduler.scheduler_address, capsys)
    assert "ModuleNotFoundError: No module named 'hrpn_tf'); install it in the env" in line


def test_workers_that_do_not_see_the_files(scheduler: Any, tmp_path: Path) -> None:
    scheduler.scale(1)
    gone = tmp_path / "gone"
    opening = cluster.connected(scheduler.scheduler_address, PredictionConfig(), [tmp_path, gone])
    with pytest.raises(ClusterError, match=f"does not see {gone}; workers need the same"), opening:
        pass


def test_a_worker_of_another_version_that_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_worker", lambda: SimpleNamespace(address="tcp://w"))
    job: Any = None
    with pytest.raises(ClusterError, match=r"tcp://w has hrpn-tf .*, not 9\.9"):
        tasks.begin(job, WorkerLimits("9.9", None), False)


def test_a_scheduler_with_certificates(tmp_path: Path) -> None:
    """``tls://`` takes the certificates of Dask's own configuration; without them it is refused."""
    import dask
    from distributed import LocalCluster
    from distributed.security import Security

    made = Security.temporary()
    (tmp_path / "cert.pem").write_text(made.tls_ca_file)
    (tmp_path / "key.pem").write_text(made.tls_scheduler_key)
    own = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    tls = {
        f"distributed.comm.tls.{role}.{name}": own[name]
        for role in ("scheduler", "worker", "client")
        for name in own
    }
    nothing = {f"distributed.comm.tls.client.{name}": None for name in own}
    with (
        dask.config.set({**tls, "distributed.comm.tls.ca-file": own["cert"]}),
        LocalCluster(
            n_workers=1,
            processes=False,
            protocol="tls://",
            security=Security(),
            dashboard_address="127.0.0.1:0",
        ) as running,
    ):
        address = running.scheduler_address
        assert address.startswith("tls://")
        with cluster.connected(address, PredictionConfig(), [tmp_path]) as connection:
            assert connection.workers() == 1
        with (
            dask.config.set({**nothing, "distributed.comm.tls.ca-file": None}),
            pytest.raises(ClusterError, match=f"{address}: no Dask scheduler answers"),
            cluster.connected(address, PredictionConfig(), []),
        ):
            pass


def worker(limit: int) -> Any:
    return SimpleNamespace(memory_manager=SimpleNamespace(memory_limit=limit))


def test_a_worker_takes_what_it_is_allowed_and_what_dask_lets_it() -> None:
    """Dask pauses a worker at 80 % of its limit, so that a slide would never be finished."""
    assert check_worker([], None, worker(10**10)).budget == 7 * 10**9
    assert check_worker([], 3 * 10**9, worker(10**10)).budget == 3 * 10**9
    assert check_worker([], 9 * 10**9, worker(10**10)).budget == 7 * 10**9
    assert check_worker([], 9 * 10**9, worker(0)).budget == 9 * 10**9


def test_workers_on_one_machine_share_the_memory_with_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = 10**9  # other tests may have left more in this one than there is to share
    monkeypatch.setattr(cluster, "resident_bytes", lambda: own)
    limits = cluster.local_limits(4 * 10**9, 3, ())
    assert limits.budget is not None
    assert 3 * limits.budget + own <= 4 * 10**9
    assert 3 * limits.budget > 4 * 10**9 - own - 64 * 2**20
    assert limits.threads == max(1, tasks.cores() // 3)


@pytest.mark.parametrize(("sharing", "advice"), [(1, "--max-ram$"), (3, "3 workers share, or low")])
def test_too_little_memory_says_who_shares_it(sharing: int, advice: str) -> None:
    def result() -> None:
        raise MemoryBudgetError("needs more; raise --max-ram")

    running = cluster.Cluster(None, WorkerLimits("1", 1), sharing)
    with pytest.raises(MemoryBudgetError, match=advice):
        running.result(SimpleNamespace(result=result))


@pytest.mark.parametrize(
    ("slides", "total", "gpus", "workers"),
    [
        (100, None, (), 16),
        (100, 10**12, (), 16),
        (3, None, (), 3),
        (100, 9 * 10**9, (), 4),
        (100, 10**9, (), 1),
        (100, None, ("0", "1"), 2),
    ],
)
def test_as_many_workers_as_fit(
    monkeypatch: pytest.MonkeyPatch,
    slides: int,
    total: int | None,
    gpus: tuple[str, ...],
    workers: int,
) -> None:
    monkeypatch.setattr(tasks, "cores", lambda: 64)
    assert cluster._fitting_workers(slides, total, gpus) == workers


def test_the_limit_of_a_worker_is_known_before_it_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster, "resident_bytes", lambda: 10**9)
    config = PredictionConfig(max_ram=ByteSize(8 * 10**9))
    share = cluster.budget_of_worker(config, 9, Execution(workers=4))
    assert share is not None
    assert 10**9 < share < 2 * 10**9
    elsewhere = Execution(scheduler="tcp://host:1")
    assert cluster.budget_of_worker(config, 9, elsewhere) == 8 * 10**9
    assert cluster.budget_of_worker(PredictionConfig(), 9, elsewhere) is None


def listening(processes: set[int]) -> set[tuple[str, int]]:
    """Addresses and ports that some processes listen on."""
    sockets = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            try:
                sockets.add(os.readlink(handle))
            except OSError:
                continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and f"socket:[{rest[5]}]" in sockets:
                address, port = local.split(":")
                found.add((address, int(port, 16)))
    return found


LOOPBACK = {"0100007F"}


@pytest.mark.slow
def test_the_cluster_on_this_machine_leaves_nothing(run: Path, tmp_path: Path) -> None:
    slides = [write(tmp_path / f"s{seed}.ome.tif", seed, shape=(450, 420)) for seed in range(3)]
    out, alone = tmp_path / "out", tmp_path / "alone"
    arguments = ["--run", run, *slides, "--format", "ome-zarr-0.5", "--workers"]
    command = Command(tmp_path, *arguments, 1, "--out", out)
    wait_for(lambda: finished_blocks(out) > 10)
    ports = listening(command.members())
    assert {address for address, _ in ports} == LOOPBACK
    assert 8787 not in {port for _, port in ports}
    command.process.kill()
    wait_for(lambda: not command.members(), 30)  # workers do not outlive it, however it ends
    shutil.rmtree(command.scratch)
    there = finished_blocks(out)

    command = Command(tmp_path, *arguments, 2, "--out", out)
    wait_for(lambda: finished_blocks(out) > there + 10)
    began = time.monotonic()
    command.interrupt()
    assert command.wait() == 130
    wait_for(lambda: not command.members(), 30)
    assert time.monotonic() - began < 30
    assert command.said() == ["hrpn-tf: stopped; run the same command again to go on"]
    assert list(command.scratch.iterdir()) == []
    assert len(results(out)) < 3, "stopped in the middle of its work"

    command = Command(tmp_path, *arguments, 2, "--out", out)
    assert command.wait() == 0
    assert "blocks were there" in command.out.read_text()
    said = command.out.read_text().splitlines()
    assert [line for line in said if line.startswith("3 slides done")]
    assert [line for line in command.said() if "predicted already" not in line] == []
    wait_for(lambda: not command.members(), 30)
    assert list(command.scratch.iterdir()) == []
    assert predict(run, *slides, "--format", "ome-zarr-0.5", "--workers", 0, "--out", alone) == 0
    assert files(out) == files(alone)


@pytest.mark.slow
def test_workers_keep_to_their_threads(run: Path, tmp_path: Path) -> None:
    from hrpn_tf.workflows.predict.options import Execution
    from hrpn_tf.workflows.predict.predict import predict_run

    opened: list[Any] = []
    local = cluster.local

    def watched(*arguments: Any) -> Any:
        opening = local(*arguments)

        class Watch:
            def __enter__(self) -> Any:
                opened.append(opening.__enter__())
                return opened[0]

            def __exit__(self, *error: Any) -> Any:
                opened.extend(opened[0].client.run(used_threads).values())
                return opening.__exit__(*error)

        return Watch()

    slides = [tmp_path / "a.ome.tif", tmp_path / "b.ome.tif"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "local", watched)
        patch.setattr(tasks, "cores", lambda: 3)
        execution = Execution(workers=1, progress=False)
        predict_run(run, slides, out=tmp_path / "out", execution=execution)
    assert opened[1:] == [3]
