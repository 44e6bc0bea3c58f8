"""Measure one case once, in its own process.

``python -m hrpn_benchmarks.worker FOLDER NUMBER BYTES`` reads ``FOLDER/case.json`` and writes
``FOLDER/NUMBER.json``. It fails if it would take more memory than BYTES (0 for no limit).
"""

import importlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hrpn_export import BundleError, Session, open_session
from hrpn_export.quiet import quiet

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.machine.memory_limit import be_ended_first, limit_memory
from hrpn_benchmarks.measures import Measured
from hrpn_benchmarks.scenarios.abilities import with_counts
from hrpn_benchmarks.scenarios.registry import find_scenario
from hrpn_benchmarks.scenarios.scenario import ScenarioContext


def measure(case: BenchmarkCase, together: Callable[[], None]) -> Measured:
    """Run the scenario of a case.

    Args:
        case: what to measure.
        together: waits for the other processes of the case.
    """
    sessions: list[Session] = []

    def opened() -> Session:
        with quiet():
            sessions.append(open_case(case))
        return sessions[-1]

    measured = find_scenario(case.scenario).run(ScenarioContext(case, opened, together))
    return with_counts(measured, sessions[-1], case.side) if sessions else measured


def pin(threads: int, number: int) -> tuple[int, ...]:
    """Pin this process to as many cores as it has threads, so that no runtime uses more.

    Args:
        threads: threads of this process.
        number: index of this process among those of the case; each has its own cores.

    Returns:
        The cores.

    Raises:
        BenchmarkError: there are too few cores, or the system did not pin the process.
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


def open_case(case: BenchmarkCase) -> Session:
    """Open the session of a case: a format of a bundle, or a baseline implementation.

    Raises:
        BenchmarkError: the function of a baseline implementation cannot be imported.
        BundleError: see ``hrpn_export.open_session``.
    """
    if case.peer:
        return _baseline(case)
    return open_session(
        case.bundle,
        case.format,
        case.precision,
        device=case.device,
        threads=case.threads,
        runtime=case.runtime,
        certified=not case.uncertified,
    )


def _baseline(case: BenchmarkCase) -> Session:
    module, _, name = case.peer.partition(":")
    try:
        load = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BenchmarkError(f"{case.peer} cannot be loaded: {error}") from None
    session: Session = load(case)
    return session


def _barrier(folder: Path, number: int, processes: int) -> Callable[[], None]:
    """A function that returns once every process of the case has called it.

    The time limit of the round ends a wait that would never end.
    """

    def together() -> None:
        (folder / f"{number}.ready").touch()
        while len(list(folder.glob("*.ready"))) < processes:
            time.sleep(0.001)

    return together


def main() -> None:
    """Read a case from a file, measure it, and write the result to another file."""
    folder, number, most = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    be_ended_first()
    if most:
        limit_memory(most)
    case = BenchmarkCase.model_validate_json((folder / "case.json").read_text(encoding="utf-8"))
    try:
        cores = pin(case.threads, number)
        measured = measure(case, _barrier(folder, number, case.processes))
    except BundleError as error:
        sys.exit(str(error))
    except MemoryError as error:
        sys.exit(f"out of memory: {error or 'an allocation failed'}")
    measured = measured.model_copy(update={"cores": cores})
    (folder / f"{number}.json").write_text(measured.model_dump_json(), encoding="utf-8")


if __name__ == "__main__":
    main()
