"""Tutorials are notebooks that become pages; `make tutorials` executes them."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from support.places import DOCS, ROOT

jupytext = pytest.importorskip("jupytext", reason="the extra docs is not installed")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbconvert")

TUTORIALS = sorted((DOCS / "tutorials").glob("*.py"))


@pytest.fixture(scope="module")
def notebooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("notebooks", DOCS / "notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_tutorial_is_in_the_navigation() -> None:
    listed = re.findall(r"- tutorials/(\w+)\.md", (ROOT / "mkdocs.yml").read_text())
    assert sorted(listed) == [path.stem for path in TUTORIALS]


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_says_how_long_it_takes_and_what_it_does_not_show(path: Path) -> None:
    cells = jupytext.read(path).cells
    first = " ".join(cells[0].source.split())
    assert first.startswith("# ")
    assert "minutes on" in first
    assert "short" in first or "few steps" in first
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert "import hrpn_tf as ht" in code
    assert "ht.simulate(" in code
    assert not any(cell.get("outputs") for cell in cells)


def test_results_are_shown_only_of_the_same_cells(notebooks: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "page.py"
    source.write_text("# %% [markdown]\n# # Title\n#\n# Text.\n\n# %%\n1 + 1\n")
    executed = tmp_path / "page.ipynb"
    page = notebooks.page(source, executed)
    assert page.startswith("# Title\n\n!!! note\n    This page was built without running")
    assert "Text." in page
    assert "1 + 1" in page
    notebook = jupytext.read(source)
    output = nbformat.v4.new_output("execute_result", {"text/plain": "2", "image/png": "iVBORw0="})
    notebook.cells[1].outputs = [output]
    nbformat.write(notebook, executed)
    page = notebooks.page(source, executed)
    assert "results below are from very small slides" in page
    assert "](data:image/png;base64,iVBORw0=)" in page
    source.write_text(source.read_text().replace("1 + 1", "1 + 2"))
    assert "without running" in notebooks.page(source, executed)
