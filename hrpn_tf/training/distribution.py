"""Training on one device, several devices or several machines, and their shares of a batch."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from hrpn_tf.errors import ConfigError, WorkerLostError

# What TensorFlow raises in the middle of a collective operation when a peer is gone.
_PEER_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Devices:
    """The devices of a training.

    Attributes:
        strategy: of TensorFlow, that keeps the weights on all devices equal.
        worker: number of this process, from 0.
        workers: number of processes.
    """

    strategy: tf.distribute.Strategy
    worker: int = 0
    workers: int = 1

    @property
    def chief(self) -> bool:
        """Whether this process writes the run folder."""
        return self.worker == 0

    @property
    def replicas(self) -> int:
        """Devices of all processes together; each computes an equal part of a batch."""
        return int(self.strategy.num_replicas_in_sync)

    def check_batch(self, batch_size: int, accumulate: int) -> None:
        """Refuse a batch that does not divide.

        Raises:
            ConfigError: the devices, or the parts of a device's share, would differ in size.
        """
        parts = self.replicas * accumulate
        if batch_size % parts:
            raise ConfigError(
                f"training.batch_size={batch_size} does not divide among {self.replicas} devices"
                f"{f' x {accumulate} parts' if accumulate > 1 else ''}; the nearest are "
                f"{max(batch_size // parts, 1) * parts} and {(batch_size // parts + 1) * parts}"
            )

    def distribute(
        self, make: Callable[[tuple[int, int], int], tf.data.Dataset], batch_size: int
    ) -> tf.data.Dataset:
        """A dataset of which every device gets its share of each batch.

        Args:
            make: gives the dataset of one process: of (number of the process, processes) and the
                batch size of one device.
            batch_size: on all devices together.
        """
        share = (self.worker, self.workers)
        return self.strategy.distribute_datasets_from_function(
            lambda context: make(share, batch_size // self.replicas)
        )

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on each device, with its share of the arguments."""
        if self.replicas == 1:
            return function(*arguments)
        return self.strategy.run(function, arguments)

    def sum_of(self, values: Any) -> Any:
        """The sum of what :meth:`run` gave on each device, of tensors."""
        return values if self.replicas == 1 else self.strategy.reduce("SUM", values, axis=None)

    def add_up(self, values: np.ndarray) -> np.ndarray:
        """The sum over all processes of a float64 vector; every process must call it."""
        if self.workers == 1:
            return values
        local = self.replicas // self.workers

        def share(context: tf.distribute.InputContext) -> tf.Tensor:
            first = context.replica_id_in_sync_group % local == 0
            return tf.constant(values if first else np.zeros_like(values))

        spread = self.strategy.experimental_distribute_values_from_function(share)
        return np.asarray(self.strategy.reduce("SUM", spread, axis=None).numpy())

    def wait_for_all(self) -> None:
        """Return when every process has come here."""
        self.add_up(np.zeros(1))


def choose_devices() -> Devices:
    """All machines that ``TF_CONFIG`` names, or all GPUs of this one, or its only device.

    JAX trains on one device.

    To be called before TensorFlow computes anything.

    Raises:
        ConfigError: ``TF_CONFIG`` is not what TensorFlow documents, or names anything but workers.
    """
    text = os.environ.get("TF_CONFIG")
    workers, worker = _read_cluster(text) if text else (1, 0)
    if keras.backend.backend() == "jax":
        if workers > 1:
            raise ConfigError(
                "training.backend=jax trains in one process on one device; leave out --workers and "
                "TF_CONFIG, or train on TensorFlow"
            )
        return Devices(tf.distribute.get_strategy())
    if workers > 1:
        return Devices(tf.distribute.MultiWorkerMirroredStrategy(), worker, workers)
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return Devices(tf.distribute.MirroredStrategy())
    return Devices(tf.distribute.get_strategy())


def replicas_in_sync() -> int:
    """Devices that compute a step together, within one as well as outside."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


@contextmanager
def losses_named(devices: Devices) -> Iterator[None]:
    """Turn what TensorFlow raises when another process is gone into a named error.

    Raises:
        WorkerLostError: another process is gone.
    """
    try:
        yield
    except _PEER_LOST as error:
        if devices.workers == 1:
            raise
        reason = str(error).replace("\n", " ").partition("Collective ops is aborted by:")[2]
        raise WorkerLostError(
            "another worker of this training is gone"
            f"{f' ({reason.strip()[:120]} ...)' if reason else ''}; start all workers again to go "
            "on from the last checkpoint"
        ) from error


def _read_cluster(text: str) -> tuple[int, int]:
    """Number of workers, and which one this is."""
    try:
        values = json.loads(text)
        cluster, task = values.get("cluster", {}), values.get("task", {})
        workers = len(cluster.get("worker", []))
        number = int(task.get("index", 0))
        kinds = set(cluster) | {task.get("type", "worker")}
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ConfigError("TF_CONFIG is no JSON of the form that TensorFlow documents") from None
    if kinds - {"worker"}:
        raise ConfigError(
            f"TF_CONFIG names {', '.join(sorted(kinds - {'worker'}))}; only workers are supported, "
            "of which number 0 writes the run folder"
        )
    if workers and number >= workers:
        raise ConfigError(f"TF_CONFIG: task {number} of {workers} workers; they count from 0")
    return max(workers, 1), number
