"""Optional sections of the page, which show the results of other commands."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.errors import RunError
from hrpn_tf.evaluation.report.charts import Chart
from hrpn_tf.untrusted import LARGEST, read_json


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows.

    Attributes:
        title: caption.
        heads: of the columns.
        rows: cells: numbers, texts, or None where there is no value.
        note: a sentence below, or an empty text.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class ReportPicture:
    """A figure that another command drew.

    Attributes:
        title: what it is called.
        url: the picture itself, as data URL.
        width: on the page, CSS px.
    """

    title: str
    url: str
    width: int


@dataclass(frozen=True)
class ReportSection:
    """One part of the page.

    Attributes:
        id: for links.
        title: heading.
        text: a sentence before the tables, or an empty text.
        tables, charts, pictures: what is shown, in this order.
    """

    id: str
    title: str
    text: str = ""
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    pictures: Sequence[ReportPicture] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.tables or self.charts or self.pictures)


def read_values(path: Path) -> dict[str, Any] | None:
    """A JSON object; None if the file is missing or holds something else."""
    try:
        values = read_json(path, RunError, LARGEST)
    except RunError:
        return None
    return values if isinstance(values, dict) else None


def picture(path: Path) -> ReportPicture:
    """A PNG file as part of the page, at half its size, so that it is sharp on a dense screen."""
    content = path.read_bytes()
    data = base64.b64encode(content).decode("ascii")
    width = int.from_bytes(content[16:20], "big")  # of the first chunk, IHDR
    title = path.stem.replace("-", " ").replace("_", " ")
    return ReportPicture(title[:1].upper() + title[1:], f"data:image/png;base64,{data}", width // 2)


def is_png(path: Path) -> bool:
    """Whether a file is a PNG, going by its first bytes."""
    try:
        with path.open("rb") as file:
            return file.read(8) == b"\x89PNG\r\n\x1a\n"
    except OSError:
        return False
