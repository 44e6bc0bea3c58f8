"""Measure one cell, once, in a process of its own.

``python -m hrpn_benchmarks.worker FOLDER NUMBER BYTES`` reads ``FOLDER/cell.json`` and writes
``FOLDER/NUMBER.json``. It fails rather than take more memory than BYTES (0: without a limit).
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hrpn_export import BundleError, Session, open_session
from hrpn_export.quiet import quiet

from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.machine.memory_limit import be_ended_first, limit_memory
from hrpn_benchmarks.matrix import Cell
from hrpn_benchmarks.measures import Measured
from hrpn_benchmarks.scenarios.abilities import with_counts
from hrpn_benchmarks.scenarios.scenario import ScenarioContext, find_scenario


def measure(cell: Cell, together: Callable[[], None]) -> Measured:
    """The measures of a cell."""
    sessions: list[Session] = []

    def opened() -> Session:
        with quiet():
            sessions.append(_peer(cell) if cell.peer else _of_bundle(cell))
        return sessions[-1]

    measured = find_scenario(cell.scenario).run(ScenarioContext(cell, opened, together))
    return with_counts(measured, sessions[-1], cell.side) if sessions else measured


def pin(threads: int, number: int) -> tuple[int, ...]:
    """Keep to as many cores as there are threads, so that a runtime cannot use more.

    Args:
        threads: of this process.
        number: of this process among those of the cell, from 0; each has cores of its own.

    Returns:
        The cores.

    Raises:
        BenchmarkError: there are not so many, or the system did not do it.
    """
    cores = sorted(os.sched_getaffinity(0))
    wanted = set(cores[number * threads : (number + 1) * threads])
    if len(wanted) < threads:
        raise BenchmarkError(
            f"process {number + 1} with {threads} threads needs cores of its own: there are "
            f"{len(cores)}"
        )
    os.sched_setaffinity(0, wanted)
    if os.sched_getaffinity(0) != wanted:
        raise BenchmarkError(f"the system did not keep the process to cores {sorted(wanted)}")
    return tuple(sorted(wanted))


def _of_bundle(cell: Cell) -> Session:
    return open_session(
        cell.bundle,
        cell.format,
        cell.precision,
        device=cell.device,
        threads=cell.threads,
        runtime=cell.runtime,
        certified=not cell.uncertified,
    )


def _peer(cell: Cell) -> Session:
    module, _, name = cell.peer.partition(":")
    try:
        load = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BenchmarkError(f"{cell.peer} cannot be loaded: {error}") from None
    session: Session = load(cell)
    return session


def _barrier(folder: Path, number: int, processes: int) -> Callable[[], None]:
    """Waits until every process of the cell called it; the runner's time limit ends a wait."""

    def together() -> None:
        (folder / f"{number}.ready").touch()
        while len(list(folder.glob("*.ready"))) < processes:
            time.sleep(0.001)

    return together


def main() -> None:
    """Read a cell from a file, measure it, write its measures to another."""
    folder, number, most = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    be_ended_first()
    if most:
        limit_memory(most)
    cell = Cell.model_validate_json((folder / "cell.json").read_text(encoding="utf-8"))
    try:
        cores = pin(cell.threads, number)
        measured = measure(cell, _barrier(folder, number, cell.processes))
    except BundleError as error:
        sys.exit(str(error))
    except MemoryError as error:
        sys.exit(f"out of memory: {error or 'an allocation failed'}")
    measured = measured.model_copy(update={"cores": cores})
    (folder / f"{number}.json").write_text(measured.model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
