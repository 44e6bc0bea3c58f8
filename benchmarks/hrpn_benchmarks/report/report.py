"""The report of a benchmark: ``report.json``, with every raw sample."""

from pathlib import Path
from typing import Literal

from hrpn_export import Bundle
from pydantic import Field, ValidationError

from hrpn_benchmarks.errors import ReportError
from hrpn_benchmarks.machine.environment import Ending, Environment
from hrpn_benchmarks.matrix import Cell
from hrpn_benchmarks.measures import Samples, Strict
from hrpn_benchmarks.plan import Plan

REPORT = "report.json"
# Of the whole machine, this share may be used by others while a row is measured.
DISTURBED = 0.1


class Accuracy(Strict):
    """What a user gets, from the certificate: on whole held-out slides where it has any.

    Attributes:
        mse, r2, psnr: against the measured truth; grey levels squared, -, dB.
        largest: difference from the float32 Keras model, grey levels.
        what: the images.
    """

    mse: float
    r2: float
    psnr: float
    largest: float
    what: str


class Row(Strict):
    """One cell, measured or not.

    Attributes:
        cell: what was measured.
        measures: by name.
        unavailable: why a measure that belongs here could not be read, by its name.
        failure: why there are none, or not of all rounds; None if nothing went wrong.
        parameters: numbers that the network learnt; None if not known.
        macs: multiplications of one tile or patch of the cell's side; None if not known.
        others: largest share of the machine's cores that other processes used in a round.
        size: of the exported file or folder, bytes; None for a peer.
        accuracy: None if the certificate has none, or for a peer.
    """

    cell: Cell
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
        """The time of a run: of a tile, a batch, a first answer, a stream, a step; the first."""
        return next((s for s in self.measures.values() if s.unit == "s"), None)


class Report(Strict):
    """Everything that was measured in one run.

    Attributes:
        environment: of the machine, at the beginning.
        plan: what was asked for.
        rows: one for each cell, in the order of the plan.
        ending: of the machine, in the end; None in reports that did not note it.
    """

    schema_version: Literal[1] = 1
    environment: Environment
    plan: Plan
    rows: tuple[Row, ...]
    ending: Ending | None = None

    @property
    def disturbed(self) -> str | None:
        """How many rows other processes may have slowed down, in a line; None if there are none."""
        shares = [row.others for row in self.rows if row.others > DISTURBED]
        if not shares:
            return None
        return (
            f"{len(shares)} of {len(self.rows)} rows were disturbed: other processes used up to "
            f"{max(shares):.0%} of the machine meanwhile"
        )

    @property
    def busy(self) -> str | None:
        """Why the figures may be worse than they should be, in a line; None if nothing is wrong."""
        about = self.environment
        limited = None
        if about.processor_limit is not None and about.processor_limit < about.cores:
            limited = (
                f"a container allows {about.processor_limit:g} of the {about.cores} cores that it "
                "shows"
            )
        return "; ".join(each for each in (about.busy, self.disturbed, limited) if each) or None


def accuracy_of(bundle: Bundle, cell: Cell) -> Accuracy | None:
    """What the certificate of a bundle says of a cell's format."""
    entry = bundle.certificate.entry(cell.format, cell.precision)
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


def size_of(bundle: Bundle, cell: Cell) -> int:
    """Bytes of the file or folder that a cell's session loads."""
    path = bundle.path / bundle.artefact(cell.format, cell.precision).path
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(file.stat().st_size for file in files)


def read_report(folder: Path) -> Report:
    """Read a report from its folder.

    Raises:
        ReportError: there is none, or it is damaged or of a newer schema.
    """
    path = folder / REPORT
    try:
        return Report.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError:
        raise ReportError(f"{folder}: no report ({REPORT} is missing)") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ReportError(f"{path}: {where}: {first['msg']}") from None
