"""The tests lie as the packages do, and what several of them need lies in ``support``."""

import re
from pathlib import Path

import pytest
from support.places import EXPERIMENTS, ROOT, TESTS

# Folders of the tests, and the folders whose layout they have; the first that fits counts.
MIRRORED = {
    TESTS / "benchmarks" / "experiments": EXPERIMENTS,
    TESTS / "benchmarks": ROOT / "benchmarks" / "hrpn_benchmarks",
    TESTS / "export": ROOT / "export" / "hrpn_export",
    TESTS: ROOT / "hrpn_tf",
}
# Folders of tests that belong to no package, and why.
OTHERS = {
    "docs": "the pages themselves",
    "export/bundle": "the modules of hrpn_export that make and read bundles lie in its root",
}
MODULES = sorted(path for path in TESTS.rglob("*.py") if path.parent != TESTS / "support")
FOLDERS = sorted({path.parent for path in MODULES if path.name.startswith("test_")})
IMPORT = re.compile(r"^\s*(?:from|import) +\.*(test_\w+|conftest)\b", re.MULTILINE)


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(TESTS).as_posix() for path in paths]


@pytest.mark.parametrize("name", names(FOLDERS))
def test_a_folder_of_tests_is_that_of_a_package(name: str) -> None:
    folder = TESTS / name
    root = next(root for root in MIRRORED if folder.is_relative_to(root))
    there = (MIRRORED[root] / folder.relative_to(root)).is_dir()
    assert there or name in OTHERS, "move the tests to the folder of their package, or say why not"
    assert not (there and name in OTHERS), "it has a package, so it needs no reason"


def test_no_module_imports_a_test_module() -> None:
    found = {name: IMPORT.findall((TESTS / name).read_text("utf-8")) for name in names(MODULES)}
    assert {name: modules for name, modules in found.items() if modules} == {}
