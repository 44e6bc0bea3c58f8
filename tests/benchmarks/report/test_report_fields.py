"""The reference page of the benchmark report names every field of ``report.json``, and no other."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from hrpn_benchmarks.measures import Unit
from hrpn_benchmarks.report.report import Report
from pydantic import BaseModel
from support.places import DOCS

DOCUMENT = DOCS / "reference" / "benchmark-report.md"


def models(model: type[BaseModel], where: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """All models that a model is made of, with their place: ``a.b``, ``a[]``, ``a{}``."""
    yield where, model
    for name, field in model.model_fields.items():
        key = field.alias or name
        path = key if where == "report.json" else f"{where}.{key}"
        for kind, suffix in parts(field.annotation):
            yield from models(kind, path + suffix)


def parts(annotation: Any) -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ""
    suffix = {tuple: "[]", list: "[]", dict: "{}"}.get(get_origin(annotation), "")
    for inner in get_args(annotation):
        yield from ((kind, suffix + more) for kind, more in parts(inner))


FIELDS = {
    where: {field.alias or name for name, field in model.model_fields.items()}
    for where, model in models(Report, "report.json")
}


def documented(where: str) -> set[str]:
    """The names in the first column of the table under a heading."""
    text = DOCUMENT.read_text(encoding="utf-8")
    _, heading, after = text.partition(f"\n### `{where}`\n")
    assert heading, f"{DOCUMENT.name} has no heading for {where}"
    section = re.split(r"^#", after, maxsplit=1, flags=re.M)[0]
    rows = re.findall(r"^\| (`.*?) \|", section, re.M)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("where", FIELDS)
def test_every_field_is_documented(where: str) -> None:
    assert documented(where) == FIELDS[where]


def test_all_parts_of_a_report_are_found() -> None:
    assert {"report.json", "rows[].cell", "rows[].measures{}", "plan.peers[]"} <= set(FIELDS)


def test_units_are_documented() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("| `unit`"))
    assert set(re.findall(r"`(.*?)`", line)) == {"unit", *get_args(Unit)}
