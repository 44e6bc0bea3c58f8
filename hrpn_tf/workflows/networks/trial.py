"""Try a network in a process of its own: the time it takes to start, and time and memory per pixel.

In another process, a runtime that this processor cannot run ends the trial and not the command, and
its libraries take no memory of the prediction.
"""

import errno
import json
import logging
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.workflows.networks.remembered import Measured

if TYPE_CHECKING:
    from hrpn_tf.workflows.networks.network import Network

logger = logging.getLogger(__name__)

# Side of the tile, px: large enough that its planes do not fit into a processor's cache, as those
# of a prediction.
_SIDE = 1024
# Longest trial, and the time after which no further tile is run, s.
_LONGEST, _ENOUGH = 120.0, 4.0
_TILES = 3
# The modules are those of this process: none of the working folder takes the place of a library's.
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; "
    "from hrpn_tf.workflows.networks.trial import main; main()"
)


def try_network(network: "Network") -> Measured | None:
    """Measure a network in a new process.

    Args:
        network: to load on all usable cores.

    Returns:
        None if it cannot be loaded or run here.

    Raises:
        MemoryError: memory ran out, which says nothing about another machine or another hour.
    """
    command = [sys.executable, "-P", "-c", _PROGRAM, *sys.path]
    try:
        with tempfile.TemporaryDirectory(prefix="hrpn-trial-") as folder:
            answer = Path(folder) / "measured.json"
            given = pickle.dumps((network, answer))
            before = time.monotonic()  # of the machine, so that two processes agree on it
            subprocess.run(command, input=given, capture_output=True, timeout=_LONGEST, check=True)
            values = json.loads(answer.read_text(encoding="utf-8"))
            return Measured(start=values.pop("loaded") - before, **values)
    except (subprocess.SubprocessError, OSError, ValueError, TypeError, LookupError) as error:
        logger.debug(f"{network.ran_by()}: cannot be tried: {error}")
        if _memory_ran_out(error):
            raise MemoryError("memory ran out") from error
        return None


def _memory_ran_out(error: Exception) -> bool:
    """Whether a trial failed for want of memory.

    >>> _memory_ran_out(subprocess.CalledProcessError(1, "trial", stderr=b"std::bad_alloc"))
    True
    """
    from hrpn_benchmarks.machine.memory_limit import out_of_memory

    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if not isinstance(error, subprocess.CalledProcessError):
        return False
    if error.returncode == -signal.SIGKILL:  # which the kernel sends
        return True
    log = (error.stderr or b"").decode("utf-8", "replace")
    return out_of_memory(log, available=None) is not None


def main() -> None:
    """Load the network that standard input names, run tiles, and write what was measured.

    It is written to a file, since libraries may print.
    """
    from hrpn_export.session import largest_side

    from hrpn_tf.memory import resident_bytes
    from hrpn_tf.prediction.probe import probe_session

    held = resident_bytes() or 0
    # this program starts it, and nothing else is read
    network, answer = pickle.load(sys.stdin.buffer)
    session = network.load(None)
    loaded = time.monotonic()
    # before the large tiles, whose memory a runtime may keep
    memory = probe_session(session, largest_side(session) or _SIDE)
    measured = {
        "loaded": loaded,
        "per_mpx": seconds_per_mpx(session),
        "loaded_bytes": max(0, memory.base_bytes - held),
        "bytes_per_px": memory.bytes_per_px,
    }
    answer.write_text(json.dumps(measured), encoding="utf-8")


def seconds_per_mpx(session: object) -> float:
    """Time of a session per megapixel of a tile, s, without its first run.

    Args:
        session: a ``Session``.
    """
    import numpy as np
    from hrpn_export.session import largest_side

    contract, most = session.contract, largest_side(session)  # type: ignore[attr-defined, arg-type]
    multiple = contract.stride_multiple
    side = max(multiple, min(_SIDE, most or _SIDE) // multiple * multiple)
    tile = np.zeros((1, side, side, len(contract.inputs)), np.float32)
    tile += np.linspace(0, contract.grey_max, side, dtype=np.float32)[:, None]
    began, best = time.perf_counter(), float("inf")
    for number in range(_TILES):
        before = time.perf_counter()
        session(tile)  # type: ignore[operator]
        now = time.perf_counter()
        if number or now - began > _ENOUGH:  # the first allocates and compiles
            best = min(best, now - before)
        if now - began > _ENOUGH:
            break
    return best / (side * side / 1e6)
