"""The edits that a page "Add a ..." of the documentation describes, and how to make them.

A comment before a block of code says where the block goes; a reader of the page does not see it::

    <!-- edit: FILE; new -->                    the block is the file
    <!-- edit: FILE; before NAME -->            before the assignment of NAME
    <!-- edit: FILE; last in NAME -->           the last element of the tuple NAME
    <!-- edit: FILE; after START OF A LINE -->  after the line that begins so
    <!-- edit: FILE; above START OF A LINE -->  above it
    <!-- try -->                                a doctest that shows the result
"""

import ast
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(r"<!-- (?P<mark>edit: [^\n]+|try) -->\n```\w+\n(?P<code>.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Edit:
    """One block of code and where it goes, relative to the repository."""

    file: str
    place: str
    code: str

    def apply(self, root: Path) -> None:
        path = root / self.file
        if self.place == "new":
            assert not path.exists(), f"{self.file} is there already"
            path.write_text(self.code, encoding="utf-8")
            return
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        at, code = self._where(lines), self.code
        if self.place.startswith("last in "):
            code = textwrap.indent(f"{code.rstrip()},\n", "    ")
        if self.place.startswith("before "):
            code = f"{code}\n\n"
        path.write_text("".join([*lines[:at], code, *lines[at:]]), encoding="utf-8")

    def _where(self, lines: list[str]) -> int:
        """Index of the line that comes after the block."""
        side, start = self.place.split(" ", 1)
        if side in ("after", "above"):
            found = [i for i, line in enumerate(lines) if line.strip().startswith(start)]
            assert len(found) == 1, f"{self.file}: {len(found)} lines begin with {start}"
            return found[0] + (side == "after")
        name = self.place.rsplit(" ", 1)[1]
        for node in ast.parse("".join(lines)).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", 0)]
            if any(isinstance(each, ast.Name) and each.id == name for each in targets):
                assert node.end_lineno is not None
                return node.end_lineno - 1 if self.place.startswith("last in ") else node.lineno - 1
        raise AssertionError(f"{self.file}: nothing is called {name}")


@dataclass(frozen=True)
class Page:
    """A page: its edits, and the doctests that show what they give."""

    edits: tuple[Edit, ...]
    trials: tuple[str, ...]

    def files(self, kind: str) -> set[str]:
        """The files that it touches: ``source``, ``tests`` or ``docs``."""
        return {edit.file for edit in self.edits if _kind(edit.file) == kind}


def read_page(path: Path) -> Page:
    edits, trials = [], []
    for found in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        mark, code = found["mark"], found["code"]
        if mark == "try":
            trials.append(code)
        else:
            file, place = mark.removeprefix("edit: ").split("; ", 1)
            edits.append(Edit(file, place, code))
    return Page(tuple(edits), tuple(trials))


def _kind(file: str) -> str:
    first = file.split("/")[0]
    return first if first in ("tests", "docs") else "source"
