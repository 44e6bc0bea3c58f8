"""The library never prints: only the modules of commands write to the terminal."""

import ast
from collections.abc import Iterator

import pytest
from support.places import ROOT

# The modules that are a command, or a part of one.
COMMANDS = {
    "hrpn_tf": ("cli/", "config/reference.py"),  # the latter writes a page of the documentation
    "export/hrpn_export": ("tensorrt/__main__.py",),
    "benchmarks/hrpn_benchmarks": (),
}
# What still prints beside them. This list may only become shorter.
LEFT: set[str] = set()


def printing(tree: ast.AST) -> Iterator[int]:
    """Lines of a module that print: ``print``, ``click.echo``, a write to standard output."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        name = ast.unparse(node)
        if name in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"):
            yield node.lineno


@pytest.mark.parametrize("package", COMMANDS)
def test_only_commands_print(package: str) -> None:
    found = set()
    for path in sorted((ROOT / package).rglob("*.py")):
        inside = path.relative_to(ROOT / package).as_posix()
        if inside.startswith(COMMANDS[package]):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found |= {f"{package}/{inside}:{line}" for line in printing(tree)}
    assert {each for each in found if each.rpartition(":")[0] not in LEFT} == set()


def test_only_two_modules_know_what_draws_the_bars() -> None:
    found = {
        path.relative_to(ROOT / "hrpn_tf").as_posix()
        for path in (ROOT / "hrpn_tf").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tqdm")
    }
    assert found == {"console.py", "progress.py"}


def test_modules_that_are_excused_still_print() -> None:
    for name in LEFT:
        assert list(printing(ast.parse((ROOT / name).read_text(encoding="utf-8")))), name
