"""Every text file names its encoding, so that no result depends on the locale."""

import ast
from collections.abc import Iterator

import pytest
from support.places import ROOT

PACKAGES = ("hrpn_tf", "export/hrpn_export", "benchmarks")
# name of a call: number of arguments before its encoding
_ENCODING_AFTER = {"read_text": 0, "write_text": 1}
_STARTS = {"run", "Popen", "check_output", "check_call"}


def unspecified(tree: ast.AST) -> Iterator[int]:
    """The lines that read or write text in the encoding of the locale.

    The linter's rule PLW1514 finds only those calls whose object it knows to be a path.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_text(node) and not _names_encoding(node):
            yield node.lineno


def _is_text(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in _ENCODING_AFTER:
        return len(call.args) <= _ENCODING_AFTER[name]
    if name in _STARTS:
        given = {word.arg: word.value for word in call.keywords}
        return any(_is_true(given.get(word)) for word in ("text", "universal_newlines"))
    if name in ("open", "fdopen", "TemporaryFile", "NamedTemporaryFile"):
        return _opens_text(call, name)
    return name == "TextIOWrapper"


def _opens_text(call: ast.Call, name: str) -> bool:
    """Whether a file is opened by a mode of text; ``path.open()`` of another kind has none."""
    given = {word.arg: word.value for word in call.keywords}
    on_path = isinstance(call.func, ast.Attribute)
    place = 0 if on_path and name == "open" else 1
    mode = given.get("mode", call.args[place] if len(call.args) > place else None)
    if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
        return "b" not in mode.value and set(mode.value) <= set("rwaxt+")
    return name == "open" and not on_path and mode is None


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _names_encoding(call: ast.Call) -> bool:
    return any(word.arg in ("encoding", None) for word in call.keywords)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_text_file_names_its_encoding(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    found = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in files
        for line in unspecified(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "path.read_text()",
        "(folder / name).write_text(text)",
        "open(path)",
        "open(path, 'w')",
        "path.open('a')",
        "subprocess.run(command, text=True)",
        "io.TextIOWrapper(stream)",
        "os.fdopen(handle, 'w')",
    ],
)
def test_the_check_finds(line: str) -> None:
    assert list(unspecified(ast.parse(line))) == [1]


@pytest.mark.parametrize(
    "line",
    [
        "path.read_text(encoding='utf-8')",
        "path.write_text(text, 'utf-8')",
        "open(path, 'rb')",
        "path.open('wb')",
        "context.open()",
        "subprocess.run(command, text=True, encoding='utf-8')",
        "Image.open(path)",
    ],
)
def test_the_check_passes(line: str) -> None:
    assert not list(unspecified(ast.parse(line)))
