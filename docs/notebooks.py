"""A hook of the site: a page for each tutorial, executed if `make tutorials` has run it."""

import base64
import re
from pathlib import Path

import jupytext
import nbformat
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

_NOT_EXECUTED = (
    "!!! note\n    This page was built without running the code. `make tutorials docs` shows the "
    "results, on very small slides.\n"
)
_EXECUTED = (
    "!!! note\n    The results below are from very small slides and a training of a few steps, "
    "which the tests of this page use. `make tutorials TUTORIAL=full` runs the page as it is "
    "written.\n"
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add ``tutorials/NAME.md`` for each ``docs/tutorials/NAME.py``."""
    docs = Path(config.docs_dir)
    executed = Path(config.site_dir).parent / "tutorials"
    for source in sorted((docs / "tutorials").glob("*.py")):
        content = page(source, executed / f"{source.stem}.ipynb")
        files.append(File.generated(config, f"tutorials/{source.stem}.md", content=content))
    return files


def page(source: Path, executed: Path) -> str:
    """The Markdown of one tutorial.

    Args:
        source: in the percent format of jupytext.
        executed: the notebook that was made of it; it is used if it has the same cells.
    """
    notebook, note = jupytext.read(source), _NOT_EXECUTED
    if executed.is_file():
        found = nbformat.read(executed, as_version=4)
        if [cell.source for cell in found.cells] == [cell.source for cell in notebook.cells]:
            notebook, note = found, _EXECUTED
    notebook.metadata["language_info"] = {"name": "python"}  # for the colours of the code
    text, resources = MarkdownExporter().from_notebook_node(notebook)
    for name, data in resources["outputs"].items():
        uri = f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"
        text = text.replace(f"]({name})", f"]({uri})")
    title, rest = re.match(r"\s*(# [^\n]*\n)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{title}\n{note}\n{rest}"
