"""Choose the formats and precisions to export."""

from collections.abc import Sequence

from hrpn_export.errors import MissingRuntimeError, install_line
from hrpn_export.formats import FORMATS, Format, find_format

from hrpn_tf.errors import UsageError


def plan_artefacts(
    formats: Sequence[str], precisions: Sequence[str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """The artefacts to export.

    Args:
        formats: requested formats; empty for all that this machine can make.
        precisions: requested precisions; empty for all that the formats support.

    Returns:
        (format, precision) of each artefact, and one line for each format that is omitted because a
        package is not installed.

    Raises:
        UsageError: unknown precision, or one that a requested format does not support.
        FormatError: unknown format.
        MissingRuntimeError: a requested format needs a package that is not installed.
    """
    known = list(dict.fromkeys(p for row in FORMATS.values() for p in row.precisions))
    for precision in precisions:
        if precision not in known:
            raise UsageError(f"no precision {precision}; there are {', '.join(known)}")
    rows = [find_format(name) for name in formats]
    for row in rows:
        _refuse_other_precisions(row, precisions, rows)
        row.exporter()
        for precision in precisions:
            if precision in row.precisions and (reason := row.lacking(precision)) is not None:
                raise MissingRuntimeError(f"{row.name} {precision}: {reason}")
    if rows:
        return _pairs(rows, precisions), []
    every = [row for row in FORMATS.values() if row.by_default]
    missing = [
        f"{row.name} is left out: {install_line(row.extra)} brings what it needs"
        for row in every
        if not row.installed
    ]
    pairs = _pairs([row for row in every if row.installed], precisions)
    missing += [
        f"{row.name} {precision} is left out: {reason}"
        for row in every
        if row.installed
        for precision in row.precisions
        if (not precisions or precision in precisions)
        and (reason := row.lacking(precision)) is not None
    ]
    return pairs, missing


def _refuse_other_precisions(
    row: Format, precisions: Sequence[str], rows: Sequence[Format]
) -> None:
    """Every precision must belong to a requested format, and every format must have one."""
    if precisions and not set(precisions) & set(row.precisions):
        raise UsageError(
            f"{row.option} has no precision {', '.join(precisions)}; it has "
            f"{', '.join(row.precisions)}"
        )
    for precision in precisions:
        if not any(precision in each.precisions for each in rows):
            names = ", ".join(each.option for each in rows)
            raise UsageError(f"none of {names} has the precision {precision}")


def _pairs(rows: Sequence[Format], precisions: Sequence[str]) -> list[tuple[str, str]]:
    return [
        (row.name, precision)
        for row in rows
        for precision in row.precisions
        if (not precisions or precision in precisions) and row.lacking(precision) is None
    ]
