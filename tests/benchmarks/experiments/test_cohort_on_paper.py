"""The cohort on paper: the page holds what the script prints, and the script adds up."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest
from support.places import DOCS, EXPERIMENTS

SCRIPT = EXPERIMENTS / "cohort_on_paper.py"


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    return import_module("experiments.cohort_on_paper")


def test_the_page_holds_the_tables() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True)
    tables = done.stdout.strip().split("\n\n")
    assert len(tables) == 5
    page = (DOCS / "results" / "scale.md").read_text(encoding="utf-8")
    assert [table for table in tables if table not in page] == []
    lines = sum(line.startswith("|") for table in tables for line in table.splitlines())
    choosing = page.split("## Choosing")[1]
    others = sum(line.startswith("|") for line in choosing.splitlines())
    assert sum(line.startswith("|") for line in page.splitlines()) == lines + others


def test_every_assumption_has_a_meaning(scale: ModuleType) -> None:
    names = [field.name for field in scale.fields(scale.Assumptions)]
    assert sorted(names) == sorted(scale.MEANING)


def test_it_adds_up(scale: ModuleType) -> None:
    """One slide of 3 Mpx, by hand."""
    a = scale.Assumptions(
        slides=1, side=3000, inputs=2, input_bytes=1, input_ratio=1.0, output_ratio=1.0,
        dtype="uint16", tissue=1.0, overlap=2.0, block=1000, chunk=500, mpx_per_core=0.25,
        part_seconds=4.0,
    )  # fmt: skip
    zarr, tiff = scale.traffic(a, "ome-zarr-0.5"), scale.traffic(a, "ome-tiff")
    # a file of 24 MB, its 18 MB of full resolution twice, and the 18 MB of the result once more
    assert zarr.read == tiff.read == pytest.approx(24e6 + 2 * 18e6 + 18e6)
    assert zarr.written == zarr.stored == tiff.stored == pytest.approx(24e6)
    assert tiff.written == pytest.approx(18e6 + 24e6)
    assert (zarr.files, tiff.files) == (12, 1)
    assert scale.traffic(a, "ome-zarr-0.4").files == 48
    assert scale.seconds_of_slide(a, 1.0) == pytest.approx(9)
    assert scale.tasks_of_slide(a, 1.0) == 2 + 3


def test_assumptions_are_options() -> None:
    command = [sys.executable, SCRIPT, "--slides", "7", "--dtype", "float32"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "| `--slides` | 7 |" in done.stdout
    refused = subprocess.run([*command, "--dtype", "int9"], capture_output=True, text=True)
    assert refused.returncode == 2


def test_snippets_of_the_page_on_clusters_are_python() -> None:
    page = (DOCS / "guide" / "many-slides.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(snippets) == 2
    for snippet in snippets:
        ast.parse(snippet)
