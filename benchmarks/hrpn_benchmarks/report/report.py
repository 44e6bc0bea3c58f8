"""The report of a benchmark: ``report.json``, with every raw sample."""

import os
from pathlib import Path
from typing import Literal

from hrpn_export import Bundle
from pydantic import ConfigDict, Field, ValidationError

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import ReportError
from hrpn_benchmarks.machine.environment import Ending, Environment
from hrpn_benchmarks.measures import Samples, Strict
from hrpn_benchmarks.plan import BenchmarkPlan
from hrpn_benchmarks.small_files import read_small_file

REPORT = "report.json"
_LARGEST = 2**28  # bytes
# Other processes may use this share of the machine while a row is measured.
DISTURBED = 0.1


class Accuracy(Strict):
    """Accuracy from the certificate: on whole held-out slides where it has any.

    Attributes:
        mse, r2, psnr: against the measured truth; grey levels squared, -, dB.
        largest: largest difference from the float32 Keras model, grey levels.
        what: the images that the accuracy was measured on.
    """

    mse: float
    r2: float
    psnr: float
    largest: float
    what: str


class Row(Strict):
    """One benchmark case with its measurements.

    Attributes:
        case: what was measured; ``cell`` in the file.
        measures: samples by name.
        unavailable: reasons why measures could not be read, by the name of the measure.
        failure: why some or all rounds failed; None if every round succeeded.
        parameters: number of trained parameters; None if not known.
        macs: multiply-accumulate operations for one tile or patch of the case's side; None if
            not known.
        others: largest share of the machine's cores that other processes used in a round.
        size: size of the exported file or folder, bytes; None for a baseline implementation.
        accuracy: None if the certificate has none, and for a baseline implementation.
    """

    # files of schema 1 say "cell"
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    case: BenchmarkCase = Field(alias="cell")
    measures: dict[str, Samples]
    unavailable: dict[str, str] = Field(default_factory=dict)
    failure: str | None
    parameters: int | None = None
    macs: int | None = None
    others: float = 0.0
    size: int | None
    accuracy: Accuracy | None

    @property
    def latency(self) -> Samples | None:
        """The first measure in seconds: the time of a tile, batch, stream, step and so on."""
        return next((s for s in self.measures.values() if s.unit == "s"), None)


class Report(Strict):
    """Everything that one benchmark measured.

    Attributes:
        environment: the machine at the beginning.
        plan: the plan that was measured.
        rows: one row per case, in the order of the plan.
        ending: the machine at the end; None in reports that did not record it.
    """

    schema_version: Literal[1] = 1
    environment: Environment
    plan: BenchmarkPlan
    rows: tuple[Row, ...]
    ending: Ending | None = None

    @property
    def disturbed(self) -> str | None:
        """How many rows other processes may have slowed down, in one line; None if none."""
        shares = [row.others for row in self.rows if row.others > DISTURBED]
        if not shares:
            return None
        return (
            f"{len(shares)} of {len(self.rows)} rows were disturbed: other processes used up to "
            f"{max(shares):.0%} of the machine meanwhile"
        )

    @property
    def busy(self) -> str | None:
        """Why the measurements may be too slow, in one line; None if nothing is wrong."""
        about = self.environment
        limited = None
        if about.processor_limit is not None and about.processor_limit < about.cores:
            limited = (
                f"a container allows {about.processor_limit:g} of the {about.cores} cores that it "
                "shows"
            )
        return "; ".join(each for each in (about.busy, self.disturbed, limited) if each) or None


def accuracy_of(bundle: Bundle, case: BenchmarkCase) -> Accuracy | None:
    """The accuracy of a case's format in its runtime, as certified; None if it was not measured."""
    entry = bundle.certificate.entry(case.format, case.precision, case.runtime)
    if entry is None or not entry.measured:
        return None
    last = entry.measured[-1]
    return Accuracy(
        mse=last.mse,
        r2=last.r2,
        psnr=last.psnr,
        largest=max(each.largest for each in entry.measured),
        what=last.what,
    )


def size_of(bundle: Bundle, case: BenchmarkCase) -> int:
    """Size of the file or folder that a case's session loads, bytes."""
    path = bundle.path / bundle.artefact(case.format, case.precision).path
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files)


def read_report(folder: Path) -> Report:
    """Read ``report.json`` from the folder of a report.

    Args:
        folder: output folder of ``run_benchmark``.

    Returns:
        The report; times in s, memory and sizes in bytes.

    Raises:
        ReportError: there is no report, or it is damaged or written by a newer schema.

    Example:
        ``read_report(Path("demo/benchmark")).rows[0].latency.median``
    """
    path = folder / REPORT
    if not os.path.lexists(path):
        raise ReportError(f"{folder}: no report ({REPORT} is missing)")
    try:
        return Report.model_validate_json(read_small_file(path, ReportError, _LARGEST))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ReportError(f"{path}: {where}: {first['msg']}") from None
