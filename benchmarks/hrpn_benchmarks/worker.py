"""Measure one cell, once, in a process of its own: ``python -m hrpn_benchmarks.worker IN OUT``."""

import json
import os
import sys
from pathlib import Path

from hrpn_export import BundleError, Session, open_session
from hrpn_export.quiet import quiet

from hrpn_benchmarks.cells import Cell
from hrpn_benchmarks.scenarios import SCENARIOS


def measure(cell: Cell) -> dict[str, object]:
    """The measures of a cell, as JSON holds them."""

    def opened() -> Session:
        with quiet():
            return open_session(
                cell.bundle,
                cell.format,
                cell.precision,
                device=cell.device,
                threads=cell.threads,
                runtime=cell.runtime,
                certified=not cell.uncertified,
            )

    measures = SCENARIOS[cell.scenario](cell, opened)
    return {name: samples.model_dump(mode="json") for name, samples in measures.items()}


def pin(threads: int) -> None:
    """Keep to as many cores as there are threads, so that a runtime cannot use more."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:threads])


def main() -> None:
    """Read a cell from a file, measure it, write its measures to another."""
    source, target = map(Path, sys.argv[1:])
    cell = Cell.model_validate_json(source.read_text(encoding="utf-8"))
    pin(cell.threads)
    try:
        measures = measure(cell)
    except BundleError as error:
        sys.exit(str(error))
    target.write_text(json.dumps(measures), encoding="utf-8")


if __name__ == "__main__":
    main()
