"""The examples in the guide and in the docstrings."""

import doctest
import importlib

import pytest
from support.places import DOCS

GUIDE = DOCS / "reference" / "models.md"


def test_guide() -> None:
    result = doctest.testfile(str(GUIDE), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


@pytest.mark.parametrize("module", ["build", "layers", "presets"])
def test_docstrings(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"hrpn_tf.models.{module}"))
    assert result.attempted > 0
    assert result.failed == 0
