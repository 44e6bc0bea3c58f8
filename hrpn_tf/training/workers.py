"""Starts, watches and stops several workers of one training on this machine."""

import ctypes
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from hrpn_export.threads import usable_cores

from hrpn_tf.errors import UsageError
from hrpn_tf.gpus import own_gpus

logger = logging.getLogger(__name__)

GRACE_S = 60.0  # for the others to leave by themselves once one has ended
POLL_S = 0.2
_STOPPED = (130, 143)  # Ctrl-C and SIGTERM: the workers said so themselves
_PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def launch(command: Sequence[str], workers: int) -> int:
    """Run a command once per worker, told apart by ``TF_CONFIG``, until all have ended.

    The first worker's output is shown; of the others, errors. If one fails, the others have a
    minute to notice and leave; what is left then is stopped. If one was used wrongly, so were all,
    and they are stopped at once.

    Args:
        command: of each worker.
        workers: how many.

    Returns:
        0, or the exit code of the first worker that failed.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    started: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        for process in started:
            if process.poll() is None:
                process.send_signal(number)

    before = {n: signal.signal(n, pass_on) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in range(workers):
            started.append(_worker(command, addresses, number))
        return _watch(started)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for process in started:
            process.kill()
            process.wait()


def _worker(
    command: Sequence[str], addresses: Sequence[str], number: int
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        env=os.environ | worker_environment(addresses, number),
        stdout=None if number == 0 else subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C comes to the parent alone, which passes it on
        preexec_fn=_end_with_parent,
    )


def worker_environment(addresses: Sequence[str], number: int) -> dict[str, str]:
    """Environment variables of a worker: ``TF_CONFIG``, its share of processors, its GPUs."""
    cluster = {"cluster": {"worker": list(addresses)}, "task": {"type": "worker", "index": number}}
    cores = max(usable_cores() // len(addresses), 1)
    environment = {"TF_CONFIG": json.dumps(cluster), "TF_NUM_INTRAOP_THREADS": str(cores)}
    gpus = own_gpus()
    if len(gpus) >= len(addresses):
        share = len(gpus) // len(addresses)
        own = gpus[number * share : (number + 1) * share]
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(own)
    return environment


def own_command() -> list[str]:
    """The command line of this very process."""
    return [sys.executable, *sys.orig_argv[1:]]


def _watch(processes: Sequence[subprocess.Popen]) -> int:
    """Wait for all; returns the code of the first that failed, as a shell has it, or 0."""
    failed, deadline = 0, float("inf")
    while True:
        codes = [process.poll() for process in processes]
        if not failed and any(codes):
            number = next(i for i, code in enumerate(codes) if code)
            failed, deadline = codes[number] or 1, time.monotonic() + GRACE_S
            if failed == UsageError.exit_code:  # it said what is wrong, and nothing was begun
                deadline = time.monotonic()
            elif failed not in _STOPPED:
                logger.error(
                    f"worker {number} of {len(processes)} ended with {_describe(failed)}; run the "
                    "same command again to go on from the last checkpoint"
                )
        if None not in codes or time.monotonic() > deadline:
            return 128 - failed if failed < 0 else failed
        time.sleep(POLL_S)


def _end_with_parent() -> None:
    """Linux sends this process SIGTERM when the one that started it ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _describe(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _free_ports(count: int) -> list[int]:
    """Free ports of 127.0.0.1."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
