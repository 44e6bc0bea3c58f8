"""The examples in the guide and in the docstrings."""

import doctest
import importlib

import pytest
from support.places import DOCS


def test_guide() -> None:
    guide = DOCS / "guide" / "slides.md"
    result = doctest.testfile(str(guide), module_relative=False)
    assert result.attempted > 8
    assert result.failed == 0


@pytest.mark.parametrize(
    "module", ["", "levels", "metadata", "pyramid", "slide", "threads", "write"]
)
def test_docstrings(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"hrpn_tf.slides.{module}".removesuffix(".")))
    assert result.attempted > 0
    assert result.failed == 0
