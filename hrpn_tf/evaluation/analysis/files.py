"""Tables as CSV and, where pyarrow is installed, as Parquet."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.analysis.objects import Table
from hrpn_tf.extras import install_line
from hrpn_tf.text import csv_text, printable

PARQUET = f"to write Parquet as well: {install_line('parquet')}"
Writer = Callable[[Table, Path], None]


def table_writers(parquet: bool | None) -> Mapping[str, Writer]:
    """How tables are written, by suffix.

    Args:
        parquet: whether to write Parquet, too; None where pyarrow is installed.

    Raises:
        UsageError: Parquet is wanted, and pyarrow is not installed.
    """
    if parquet is False:
        return {".csv": write_csv}
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        if parquet:
            raise UsageError(f"pyarrow is not installed; {PARQUET}") from None
        return {".csv": write_csv}
    return {".csv": write_csv, ".parquet": write_parquet}


def write_csv(table: Table, path: Path) -> None:
    """Write columns of one length; NaN is an empty cell, and no cell is a formula."""
    columns = [_cells(column) for column in table.values()]
    path.write_text(csv_text(list(table), zip(*columns, strict=True)), encoding="utf-8")


def write_parquet(table: Table, path: Path) -> None:
    """Write columns of one length, with their types; NaN is null."""
    import pyarrow
    from pyarrow import parquet

    columns = {}
    for name, column in table.items():
        if column.dtype == object:
            texts = [None if value is None else printable(value) for value in column]
            columns[name] = pyarrow.array(texts, pyarrow.string())
        else:
            columns[name] = pyarrow.array(column, from_pandas=True)
    parquet.write_table(pyarrow.table(columns), path)


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Rows of the same keys as columns: texts as objects, numbers and None as float64."""
    names = list(rows[0]) if rows else []
    return {name: _column([row[name] for row in rows]) for name in names}


def _column(values: list[Any]) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    if all(isinstance(value, int) for value in values):
        return np.array(values)
    return np.array([np.nan if value is None else float(value) for value in values])


def _cells(column: np.ndarray) -> list[object]:
    """As a CSV holds them: whole numbers and truth as such, floats in full precision."""
    if column.dtype.kind == "f":
        return ["" if value != value else repr(value) for value in column.tolist()]
    if column.dtype.kind == "b":
        return column.astype(int).tolist()
    values: list[object] = column.tolist()
    return ["" if value is None else value for value in values]
