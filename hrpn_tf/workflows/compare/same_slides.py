"""The slides that compared runs have in common: the same pixels, one order, their groups."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hrpn_tf.errors import UsageError
from hrpn_tf.workflows.compare.run_results import RunResults


def refuse_different_slides(results: Sequence[RunResults]) -> None:
    """Raise unless all runs were evaluated on the same pixels of the same target.

    Raises:
        UsageError: names the difference and the runs.
    """
    first = results[0]
    here = {row["slide"]: row for row in first.rows}
    for other in results[1:]:
        there = {row["slide"]: row for row in other.rows}
        both = f"{first.label} and {other.label}"
        if other.config.data.target != first.config.data.target:
            raise UsageError(
                f"{both} predict different targets: {first.config.data.target}, "
                f"{other.config.data.target}"
            )
        if apart := sorted(set(here) ^ set(there)):
            name = apart[0]
            only = first.label if name in here else other.label
            more = f" (and {len(apart) - 1} more)" if len(apart) > 1 else ""
            raise UsageError(
                f"{both} were evaluated on different slides: {name}{more} only for {only}; "
                "evaluate both on the same ones"
            )
        for name, row in here.items():
            if not _same_pixels(row, there[name]) or _other_files(name, first, other):
                raise UsageError(f"{both}: the measured slide {name} is not the same image")
        if other.peak != first.peak:
            raise UsageError(
                f"{both} were evaluated with different peaks: {first.peak}, {other.peak}; "
                "evaluate one again with --peak"
            )


def in_one_order(results: Sequence[RunResults]) -> list[RunResults]:
    """The same with the slides in the order of the first run; each evaluation has that of its list.

    Args:
        results: of the same slides; see :func:`refuse_different_slides`.
    """
    place = {row["slide"]: number for number, row in enumerate(results[0].rows)}
    return [
        replace(each, rows=tuple(sorted(each.rows, key=lambda row: place[row["slide"]])))
        for each in results
    ]


def groups_of(results: Sequence[RunResults]) -> tuple[str, ...]:
    """The group of each slide.

    Evaluations may group the same slides differently, such as one of a slide list that names no
    animals. Slides that any of them puts together are not independent, so they are one group, named
    as by the evaluation with the fewest groups. A row that names no group is a group of its own.

    Args:
        results: of the same slides in one order.
    """
    stated = [[str(row.get("group") or row["slide"]) for row in each.rows] for each in results]
    groups = min(stated, key=lambda names: len(set(names)))
    for names in stated:
        for name in dict.fromkeys(names):
            together = [g for g, own in zip(groups, names, strict=True) if own == name]
            groups = [together[0] if group in together else group for group in groups]
    return tuple(groups)


def _other_files(name: str, one: RunResults, other: RunResults) -> bool:
    """Whether two evaluations say that a slide's files differ; a single file may be renamed."""
    known = [each.files[name] for each in (one, other) if name in each.files]
    return len(known) == 2 and sorted(known[0].values()) != sorted(known[1].values())


def _same_pixels(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one["pixels"] == other["pixels"] and all(
        math.isclose(one["true"][name], other["true"][name], rel_tol=1e-9, abs_tol=1e-9)
        for name in set(one["true"]) & set(other["true"])  # older evaluations have fewer
    )
