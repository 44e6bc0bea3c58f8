"""Command lines in messages: what a user pastes into a shell must work for every name."""

import ast
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.places import ROOT
from support.run_folder import make_run

from hrpn_tf.errors import WrongKindError
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.text import in_shell

_COMMAND = re.compile(r"hrpn-tf [a-z][a-z-]*(?: (?:--?[a-z-]+|[A-Z_]+))*[ ]$")
_QUOTING = {"in_shell", "join", "quote"}
_WEIGHTS = {"name", "self.name"}  # of weights, which hold letters, digits and dashes alone


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",))))
def test_a_shell_reads_the_path(name: str) -> None:
    (word,) = shlex.split(in_shell(name))
    assert word in (name, f"./{name}")
    assert not word.startswith("-")


def _unquoted(path: Path) -> list[str]:
    """Places where a value is put behind ``hrpn-tf COMMAND`` in a text as it is."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        before = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                before += str(part.value)
                continue
            assert isinstance(part, ast.FormattedValue)
            value = part.value
            called = value.func if isinstance(value, ast.Call) else None
            name = getattr(called, "id", getattr(called, "attr", ""))
            plain = ast.unparse(value) in _WEIGHTS or ast.unparse(value).isupper()
            if _COMMAND.search(before) and name not in _QUOTING and not plain:
                found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(value)}")
            before += "X"
    return found


def test_names_in_proposed_commands_are_quoted() -> None:
    files = sorted((ROOT / "hrpn_tf").rglob("*.py"))
    assert [place for path in files for place in _unquoted(path)] == []


def test_the_way_out_works_for_a_run_with_a_blank_in_its_name(tmp_path: Path) -> None:
    run = make_run(tmp_path / "my run")
    with pytest.raises(WrongKindError) as refused:
        refuse_other_kind(run, "bundle")
    words = shlex.split(str(refused.value).partition("make one with: ")[2])
    assert words == ["hrpn-tf", "export", str(run), "--out", "BUNDLE"]
