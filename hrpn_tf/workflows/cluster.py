"""Dask clusters: some processes of this machine, or one that is running elsewhere."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hrpn_tf import __version__
from hrpn_tf.errors import ClusterError
from hrpn_tf.workflows import cohort_tasks

_CONNECT_SECONDS = 30


@contextmanager
def local(count: int) -> Iterator[Any]:
    """A cluster of some processes on this machine, for as long as the context."""
    import dask
    from distributed import Client, LocalCluster

    with (
        tempfile.TemporaryDirectory(prefix="hrpn-tf-") as scratch,
        dask.config.set({"distributed.worker.daemon": True}),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
            local_directory=scratch,
            memory_limit=0,  # each process keeps to its own share
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A client of a running cluster whose workers have this version of the package."""
    from distributed import Client

    try:
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ClusterError(f"--scheduler {address}: no Dask scheduler answers ({reason})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError:
            raise ClusterError(f"--scheduler {address}: it has no workers; start some") from None
        try:
            versions = client.run(cohort_tasks.version)
        except Exception as error:  # noqa: BLE001 (whatever a worker without it raises)
            raise ClusterError(
                f"--scheduler {address}: a worker cannot run hrpn-tf {__version__} ({error}); "
                "install it in the workers' environment"
            ) from None
        if other := sorted({version for version in versions.values() if version != __version__}):
            raise ClusterError(
                f"--scheduler {address}: workers have hrpn-tf {', '.join(other)}, here it is "
                f"{__version__}; install the same on all"
            )
        yield client
