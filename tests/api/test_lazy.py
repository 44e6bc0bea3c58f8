"""``import hrpn_tf`` is light, and complete."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import hrpn_tf as ht
from hrpn_tf import api

HEAVY = ("tensorflow", "keras", "numpy", "pydantic", "yaml", "zarr", "matplotlib", "scipy")
FUNCTIONS = [name for name in ht.__all__ if not name.startswith("_")]


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.strip()


def test_the_import_loads_nothing_heavy() -> None:
    code = "import sys, hrpn_tf; print([name for name in {} if name in sys.modules])"
    assert python(code.format(HEAVY)) == "[]"


def test_functions_are_found_without_tensorflow() -> None:
    code = "\n".join(
        f"from hrpn_tf import {name}; print({name}.__name__, 'keras' in sys.modules)"
        for name in FUNCTIONS
    )
    found = python(f"import sys\n{code}").splitlines()
    assert found == [f"{name} False" for name in FUNCTIONS]


def test_no_name_is_that_of_a_module() -> None:
    folder = Path(inspect.getfile(ht)).parent
    modules = {path.stem for path in folder.iterdir()}
    assert not modules & set(FUNCTIONS)


def test_dir_lists_the_names_and_others_are_an_attribute_error() -> None:
    assert set(ht.__all__) <= set(dir(ht))
    with pytest.raises(AttributeError, match="no attribute 'predicct'"):
        ht.predicct  # noqa: B018


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_says_arguments_errors_and_an_example(name: str) -> None:
    function = getattr(ht, name)
    text = inspect.getdoc(function) or ""
    for section in ("Args:", "Raises:", "Example:"):
        assert f"{section}\n" in text
    arguments = text.split("Args:")[1].split("Raises:")[0]
    for parameter in inspect.signature(function).parameters:
        assert parameter in arguments, f"{name} does not say what {parameter} is"


@pytest.mark.parametrize("name", api.__all__)
def test_a_result_documents_its_attributes(name: str) -> None:
    found = getattr(api, name)
    for field in found.__dataclass_fields__:
        assert f"{field}" in (found.__doc__ or "").split("Attributes:")[1]
